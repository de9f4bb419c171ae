// Style of the status page: system fonts, one accent colour for memory and one for pass-through,
// both readable on light and dark backgrounds.

export const STATUS_PAGE_STYLE = `
:root {
  --ground: #f7f8fa; --card: #ffffff; --line: #e1e5ea; --text: #17202a; --quiet: #667382;
  --memory: #2f7de1; --through: #d9822b; --local: #8a94a0; --good: #1f8a4c; --bad: #c93a3a; --warn: #b7791f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151b; --card: #171e26; --line: #27313c; --text: #e6ebf0; --quiet: #8d9aa8;
    --memory: #5b9df0; --through: #e8a25a; --local: #6d7884; --good: #4cc07f; --bad: #f07070; --warn: #e0b050;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1200px; padding: 20px; background: var(--ground); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; margin-bottom: 16px; }
h1 { font-size: 20px; margin: 0 6px 0 0; letter-spacing: -0.01em; }
h2 { font-size: 14px; margin: 0 0 10px; }
.quiet { color: var(--quiet); font-weight: normal; }
.pill { border: 1px solid var(--line); border-radius: 999px; padding: 2px 10px; background: var(--card); }
.pill:empty { display: none; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.problem { border: 1px solid var(--bad); color: var(--bad); border-radius: 8px; padding: 8px 12px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; margin-bottom: 14px; }
section.tiles, section.columns { background: none; border: 0; padding: 0; display: grid; gap: 14px; }
section.tiles { grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); }
section.columns { grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); }
.tile, .columns > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; min-width: 0; }
.tile b { display: block; font-size: 22px; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile svg { display: block; width: 100%; height: 28px; margin-top: 6px; }
.share { display: flex; height: 22px; border-radius: 6px; overflow: hidden; background: var(--line); }
.share i { display: block; min-width: 0; transition: flex-grow 0.3s; }
.cache { background: var(--memory); } .passthrough { background: var(--through); } .local { background: var(--local); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 8px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--quiet); white-space: nowrap; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
td { white-space: nowrap; } .number { text-align: right; }
footer { display: flex; gap: 14px; padding: 4px 2px; }
a { color: var(--memory); }
`;
