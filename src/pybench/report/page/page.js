"use strict";
// Sorting, filters, the opened row and charts under the pointer. The address says what
// is shown: #q=…&cat=…&verdict=…&side=…&sort=…&row=…, without what is as it begins.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const DRAWN = 40;
  const all = data.rows || [];
  const table = $("rows");
  const lines = table ? [...table.querySelectorAll("tr.line")] : [];
  // Each row begins in the group that it is read in.
  const homes = lines.map((line) => line.parentNode);
  const isReason = new Set(document.querySelectorAll("tbody.folded"));
  const AT = { RATIO: 1, LOW: 2, HIGH: 3, NS: 4, MARGIN: 5, VISIBLE: 6, SETTLE: 7, CLOCK: 8, BELOW: 9 };

  // ---- theme ---------------------------------------------------------------------
  const themes = ["", "light", "dark"];
  const theme = $("theme");
  const stored = () => { try { return localStorage.getItem("pybench-theme") || ""; } catch { return ""; } };
  const dress = (name) => {
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Theme: ${name || "as the system"}`;
  };
  theme.hidden = false;
  dress(themes.includes(stored()) ? stored() : "");
  theme.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || "";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    dress(next);
    // A page that was opened as a file may have no storage.
    try { localStorage.setItem("pybench-theme", next); } catch { /* stays for now */ }
  });

  // ---- what is packed --------------------------------------------------------------
  const unpacked = {};
  const unpack = (id) => unpacked[id] ||= (async () => {
    const bytes = Uint8Array.from(atob($(id).textContent), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  })();
  let details;
  const detailsOf = async (place) => {
    details ||= JSON.parse((await unpack("details")) || "{}");
    return details[place] || {};
  };
  let drawer;
  // Without its schema: it says version 5, and the bundle would warn that it is newer.
  const draw = (where, { $schema, ...spec }) => {
    drawer ||= unpack("bundle").then((text) => {
      const script = document.createElement("script");
      script.type = "module";
      return new Promise((done) => {
        // The bundle is a module: it runs after this, and says so by what it leaves.
        const ready = () => window.pybenchEmbed ? done() : setTimeout(ready, 10);
        script.textContent = text;
        document.head.append(script);
        ready();
      });
    });
    // Into an element of its own: the library would style the one that scrolls. What was
    // there stays until there is something else.
    const inner = document.createElement("div");
    return drawer.then(() => window.pybenchEmbed(inner, spec, {
      // An interpreter instead of made-up code: the page's policy has no eval.
      renderer: "svg", actions: false, ast: true, mode: "vega-lite",
    })).then((result) => {
      where.replaceChildren(inner);
      return result;
    });
  };
  const hasCharts = Boolean($("bundle").textContent) && "DecompressionStream" in window;

  // ---- state and address -------------------------------------------------------------
  const begins = { q: "", cat: "", verdict: "", side: "", sort: "", row: "", of: "" };
  let state = { ...begins };
  const sortable = new Set();
  const known = {
    q: () => true,
    cat: (value) => all.some((one) => one.c === value),
    verdict: (value) => value === "changed" || (data.words || []).includes(value),
    side: (value) => (data.sides || []).includes(value),
    sort: (value) => sortable.has(value.replace(/^-/, "")),
    row: (value) => all.some((one) => one.k === value),
    of: (value) => (data.sides || []).includes(value),
  };
  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    state = { ...begins };
    for (const [name, value] of given) {
      if (name in begins && value && known[name](value)) state[name] = value;
    }
  };
  const address = () => {
    const kept = Object.entries(state).filter(([, value]) => value);
    return kept.length ? `#${new URLSearchParams(kept)}` : "";
  };
  const write = () => {
    history.replaceState(null, "", address() || location.pathname + location.search);
  };

  // ---- the table ---------------------------------------------------------------------
  const sideIndex = () => (state.side ? data.sides.indexOf(state.side) : -1);
  const cellsOf = (row) => (sideIndex() < 0 ? row.s : [row.s[sideIndex()]]);
  const fits = (row) => {
    if (state.cat && row.c !== state.cat) return false;
    if (state.q) {
      const name = row.n.toLowerCase();
      if (!state.q.toLowerCase().split(/\s+/).every((word) => name.includes(word))) return false;
    }
    if (!state.verdict) return true;
    const words = cellsOf(row).map((cell) => data.words[cell[0]]);
    if (state.verdict === "changed") return words.some((word) => word === "slower" || word === "faster");
    return words.includes(state.verdict);
  };
  const valueOf = (row, name, line) => {
    if (name === "name") return row.k;
    if (name === "cat") return row.c;
    if (name === "base") return row.b;
    if (name === "time") return row.s[0][AT.NS];
    if (name === "pairs") return parseInt(line.cells[line.cells.length - 1].textContent) || null;
    return row.s[data.sides.indexOf(name)][AT.RATIO];
  };
  let order = all.map((_, place) => place);
  let sorted = "";
  const sortLines = () => {
    if (state.sort === sorted) return;
    sorted = state.sort;
    const down = state.sort.startsWith("-");
    const name = state.sort.replace(/^-/, "");
    order = all.map((_, place) => place);
    if (name) {
      const values = all.map((row, place) => valueOf(row, name, lines[place]));
      order.sort((a, b) => {
        const [one, other] = [values[a], values[b]];
        if (one === other) return a - b;
        // What has no number stays below, whichever way it is sorted.
        if (one === null || one === undefined) return 1;
        if (other === null || other === undefined) return -1;
        const which = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
        return down ? -which : which;
      });
    }
    for (const place of order) {
      const body = name && !isReason.has(homes[place]) ? table.tBodies[0] : homes[place];
      body.append(lines[place]);
    }
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.sort === name && name) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  };
  let shown = [];
  const show = () => {
    sortLines();
    shown = [];
    const fit = all.map(fits);
    // Rows of one reason, without a ratio, are one line until they are asked for.
    const isAsked = Boolean(state.q || state.cat || state.verdict || state.side);
    const isFolded = (place) => !isAsked && homes[place].classList.contains("folded");
    fit.forEach((is, place) => { lines[place].hidden = !is || isFolded(place); });
    shown = order.filter((place) => fit[place]);
    const seen = new Set(shown.map((place) => homes[place]));
    for (const body of table.tBodies) {
      const head = body.querySelector("tr.group");
      if (head) head.hidden = !seen.has(body) || (Boolean(state.sort) && !isReason.has(body));
    }
    $("shown").textContent = `${shown.length} of ${all.length} rows`;
    for (const name of ["q", "cat", "verdict", "side"]) {
      if ($(`f-${name}`).value !== state[name]) $(`f-${name}`).value = state[name];
    }
    later();
  };

  // ---- the forest of what is shown ----------------------------------------------------
  let timer;
  const isFiltered = () => Boolean(state.q || state.cat || state.verdict || state.side || state.sort);
  let wasFiltered = false;
  const later = () => {
    if (!hasCharts || !data.forest || (!isFiltered() && !wasFiltered)) return;
    clearTimeout(timer);
    // After the table: a chart of forty rows takes longer than a person should wait.
    timer = setTimeout(forest, 150);
  };
  const forest = () => {
    const where = document.querySelector("#forest .drawn");
    if (!where) return;
    wasFiltered = isFiltered();
    if (!wasFiltered) return embed(where.closest("figure"));
    let places = shown.filter((place) => cellsOf(all[place]).some((cell) => cell[AT.RATIO]));
    if (!state.sort) {
      const size = (place) => Math.max(...cellsOf(all[place]).map((cell) => Math.abs(Math.log(cell[AT.RATIO] || 1))));
      places = places.sort((a, b) => size(b) - size(a));
    }
    const values = [];
    for (const place of places.slice(0, DRAWN)) {
      all[place].s.forEach((cell, side) => {
        if (cell[AT.RATIO] && (sideIndex() < 0 || side === sideIndex())) values.push(point(all[place], cell, side));
      });
    }
    if (!values.length) return where.replaceChildren();
    draw(where, { ...data.forest, data: { name: data.cells, values } }).then(clickable);
  };
  const point = (row, cell, side) => ({
    name: row.k, side: data.sides[side], said: said(cell),
    ratio: cell[AT.RATIO], low: cell[AT.LOW], high: cell[AT.HIGH],
  });
  const around = (cell) => (cell[AT.LOW] && cell[AT.HIGH]
    ? `[${cell[AT.LOW].toFixed(3)}, ${cell[AT.HIGH].toFixed(3)}]` : "");
  const said = (cell) => `${data.signs[cell[0]]} ${cell[AT.RATIO].toFixed(3)} ${around(cell)}`;
  const clickable = (result) => {
    result.view.addEventListener("click", (event, item) => {
      if (item && item.datum && known.row(item.datum.name || "")) open(item.datum.name, item.datum.side);
    });
    return result;
  };

  // ---- the opened row -----------------------------------------------------------------
  const duration = (ns) => {
    if (ns === null || ns === undefined) return "";
    ns = Number(ns.toPrecision(3)); // first, so that 999.9 is 1 µs and not 1000 ns
    const [size, unit] = ns >= 1e9 ? [1e9, "s"] : ns >= 1e6 ? [1e6, "ms"] : ns >= 1e3 ? [1e3, "µs"] : [1, "ns"];
    return `${Number((ns / size).toPrecision(3))} ${unit}`;
  };
  const percent = (value) => (value === null || value === undefined ? "" : `${(100 * value).toFixed(1)}%`);
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const dialog = $("opened");
  let opener = null;
  const open = (key, side) => {
    state.row = key;
    state.of = data.sides.length > 1 ? side || state.side || data.sides[0] : "";
    write();
    fill();
  };
  const fill = async () => {
    const place = all.findIndex((one) => one.k === state.row);
    const row = all[place];
    const index = Math.max(0, data.sides.indexOf(state.of));
    const side = data.sides[index];
    const cell = row.s[index];
    $("opened-name").textContent = row.k;
    $("opened-of").textContent = row.n;
    $("opened-pick").hidden = data.sides.length < 2;
    $("opened-side").value = side;
    const facts = {
      verdict: `${data.signs[cell[0]]} ${data.words[cell[0]]}${cell[AT.BELOW] ? ", below the margin" : ""}`,
      ratio: cell[AT.RATIO] ? `${cell[AT.RATIO].toFixed(3)} ${around(cell)}` : "",
      [data.baseline]: duration(row.b),
      [side]: duration(cell[AT.NS]),
      margin: percent(cell[AT.MARGIN]),
      "smallest visible change": percent(cell[AT.VISIBLE]),
      "pairs to settle": cell[AT.SETTLE] ?? "",
      clock: cell[AT.CLOCK],
    };
    $("opened-facts").replaceChildren(...Object.entries(facts)
      .filter(([, value]) => value !== "")
      .map(([name, value]) => {
        const pair = document.createElement("div");
        pair.append(element("dt", name), element("dd", value));
        return pair;
      }));
    const chart = $("opened-chart");
    chart.replaceChildren();
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
      $("opened-name").focus();
    }
    if (!("DecompressionStream" in window)) {
      chart.textContent = "The pairs are packed in a way that this browser does not read.";
      return;
    }
    const found = await detailsOf(place);
    const own = found.sides && found.sides[side];
    dialog.querySelector("details").hidden = !own;
    if (!own) {
      chart.textContent = "No pairs are in this page: it was made of a summary, or the row was not compared.";
      return;
    }
    const columns = ["pair", "began", data.baseline, side, "ratio"];
    const head = element("tr", "");
    head.append(...columns.map((name) => Object.assign(element("th", name), { scope: "col" })));
    const body = document.createElement("tbody");
    const pairs = [];
    found.pair.forEach((pair, at) => {
      const copy = found.sides[""] && found.sides[""].r[at];
      if (copy) pairs.push({ series: "A/A control", pair, ratio: copy, first: found.first[at] });
      const ratio = own.r[at];
      if (!ratio) return;
      pairs.push({ series: side, pair, ratio, first: found.first[at] });
      const line = document.createElement("tr");
      const words = [pair, found.first[at], duration(found.b[at]), duration(own.t[at]), ratio.toFixed(4)];
      line.append(...words.map((word) => element("td", word)));
      body.append(line);
    });
    const top = document.createElement("thead");
    top.append(head);
    $("opened-pairs").replaceChildren(top, body);
    if (!hasCharts) {
      chart.textContent = data.missing;
      return;
    }
    const course = (name, values) => values.map((relative, sample) => ({ side: name, sample, relative }));
    const spec = structuredClone(data.opened[index]);
    spec.datasets = {
      pairs,
      warm_up: [...course(data.baseline, found.w), ...course(side, own.w)],
      around: cell[AT.LOW] ? [{ ratio: cell[AT.RATIO], low: cell[AT.LOW], high: cell[AT.HIGH] }] : [],
    };
    if (state.row === row.k) await draw(chart, spec);
  };
  const closed = () => {
    state.row = state.of = "";
    write();
    if (opener && opener.isConnected) opener.focus();
  };

  // ---- charts under the pointer ---------------------------------------------------------
  const embed = async (figure) => {
    const where = figure.querySelector(".drawn");
    await draw(where, data.specs[Number(figure.dataset.spec)]).then(clickable);
    const svg = where.querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", figure.querySelector("h3").textContent);
  };
  const watch = () => {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        // The forest may have been drawn by a filter already.
        if (!(entry.target.closest("#forest") && wasFiltered)) embed(entry.target);
      }
    });
    document.querySelectorAll("figure[data-spec]").forEach((figure) => {
      if (figure.querySelector(".drawn")) seen.observe(figure);
    });
  };

  // ---- begin -------------------------------------------------------------------------
  if (table) {
    for (const head of table.tHead.rows[0].cells) {
      const name = head.dataset.sort;
      sortable.add(name);
      const button = Object.assign(element("button", head.textContent), { type: "button" });
      button.addEventListener("click", () => {
        state.sort = state.sort === name ? `-${name}` : state.sort === `-${name}` ? "" : name;
        write();
        show();
      });
      head.replaceChildren(button);
    }
    for (const head of table.querySelectorAll(".folded > .group > th")) {
      const button = Object.assign(element("button", head.textContent), { type: "button" });
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => {
        const body = head.closest("tbody");
        button.setAttribute("aria-expanded", String(body.classList.contains("folded")));
        body.classList.toggle("folded");
        show();
      });
      head.replaceChildren(button);
    }
    lines.forEach((line, place) => {
      const button = Object.assign(element("button", line.cells[0].textContent), { type: "button", className: "open" });
      button.addEventListener("click", () => open(all[place].k));
      line.cells[0].replaceChildren(button);
    });
    $("filter").hidden = false;
    $("filter").addEventListener("submit", (event) => event.preventDefault());
    for (const name of ["q", "cat", "verdict", "side"]) {
      $(`f-${name}`).addEventListener("input", (event) => {
        state[name] = event.target.value;
        show();
        write();
      });
    }
    $("reset").addEventListener("click", () => { state = { ...begins }; write(); show(); });
    $("link").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(location.href);
        $("link").textContent = "Copied";
      } catch {
        $("link").textContent = "Copy it from the address bar";
      }
      setTimeout(() => { $("link").textContent = "Copy the link"; }, 2000);
    });
    $("save").addEventListener("click", () => {
      // As pybench.report.exports.cells: no text is a formula to a spreadsheet.
      const odd = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\\]/gu;
      const code = (one) => {
        const [point, short] = [one.codePointAt(0), { "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" }[one]];
        const [mark, size] = point < 256 ? ["x", 2] : point < 65536 ? ["u", 4] : ["U", 8];
        return short || `\\${mark}${point.toString(16).padStart(size, "0")}`;
      };
      const isOdd = (text) => /^[=+\-@\t\r']/.test(text) || text.replaceAll("\\", "").search(odd) >= 0;
      const cell = (value) => (typeof value === "string" && isOdd(value) ? `'${value.replace(odd, code)}` : value);
      const quote = (value) => `"${String(cell(value) ?? "").replaceAll('"', '""')}"`;
      const head = ["row", "category", "side", "verdict", "ratio", "low", "high", "baseline_ns", "side_ns"];
      const body = shown.flatMap((place) => all[place].s.map((cell, side) => [
        all[place].n, all[place].c, data.sides[side], data.words[cell[0]],
        cell[AT.RATIO], cell[AT.LOW], cell[AT.HIGH], all[place].b, cell[AT.NS],
      ]));
      const text = [head, ...body].map((one) => one.map(quote).join(",")).join("\r\n");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = "rows.csv";
      link.click();
      URL.revokeObjectURL(link.href);
    });
    for (const side of data.sides) $("opened-side").append(element("option", side));
    $("opened-side").addEventListener("input", (event) => { state.of = event.target.value; write(); fill(); });
    $("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", closed);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    const follow = () => {
      // An anchor of the page itself is no state.
      if (location.hash && !location.hash.includes("=")) return;
      read();
      write();
      show();
      if (state.row) fill();
      else if (dialog.open) dialog.close();
    };
    window.addEventListener("hashchange", follow);
    follow();
  }
  if (hasCharts) watch();
  document.documentElement.dataset.ready = "yes";
})();
