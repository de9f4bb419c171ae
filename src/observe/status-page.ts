// The status page: one self-contained HTML document that reads /status.json every two seconds and
// draws it. No library, no outside resource; all data reaches the page through textContent and
// numeric attributes, so that a resource name cannot become markup.

import { STATUS_PAGE_SCRIPT } from './status-page-script.ts';
import { STATUS_PAGE_STYLE } from './status-page-style.ts';

/** Allows the page its own two inline pieces and its own JSON, nothing else. */
export const STATUS_PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A drop above two waves, as a data URL, so that the browser asks for no icon. */
const ICON =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 3c5 7 8 10 8 14a8 8 0 0 1-16 0c0-4 3-7 8-14z" fill="#2f7de1"/><path d="M4 28c4-3 8-3 12 0s8 3 12 0" fill="none" stroke="#2f7de1" stroke-width="2"/></svg>',
  );

export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Watershed</title>
<link rel="icon" href="${ICON}">
<style>${STATUS_PAGE_STYLE}</style>
</head>
<body>
<header>
  <h1>Watershed</h1>
  <span id="phase" class="pill">connecting</span>
  <span id="upstream" class="pill"></span>
  <span id="about" class="quiet"></span>
</header>
<p id="problem" class="problem" hidden></p>
<section class="tiles" id="tiles" aria-label="Totals"></section>
<section>
  <h2>Answers since the start</h2>
  <div id="share" class="share" role="img"></div>
  <div id="legend" class="legend"></div>
</section>
<section>
  <h2>Lanes <span class="quiet">resources followed from the apiserver</span></h2>
  <div class="scroll"><table id="lanes"><thead></thead><tbody></tbody></table></div>
</section>
<section class="columns">
  <div>
    <h2>Requests</h2>
    <div class="scroll"><table id="requests"><thead></thead><tbody></tbody></table></div>
  </div>
  <div>
    <h2>Why requests were passed through</h2>
    <div class="scroll"><table id="reasons"><thead></thead><tbody></tbody></table></div>
  </div>
</section>
<footer class="quiet">
  <a href="status.json">status.json</a> <a href="metrics">metrics</a>
  <a href="readyz?verbose">readyz</a> <a href="flagz">flagz</a>
</footer>
<script>${STATUS_PAGE_SCRIPT}</script>
</body>
</html>
`;
