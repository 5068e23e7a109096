"""Imports: nothing else is done."""

import asyncio
import concurrent.futures
import ctypes
import email.message
import http.server
import multiprocessing
import sqlite3
import unittest.mock
import xml.dom.minidom

USED = (
    asyncio,
    concurrent.futures,
    ctypes,
    email.message,
    http.server,
    multiprocessing,
    sqlite3,
    unittest.mock,
    xml.dom.minidom,
)
