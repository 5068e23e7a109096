"""The statistics need numpy and scipy, which a build under test may lack."""

import pytest

pytest.importorskip("numpy", reason="n/a: numpy is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
