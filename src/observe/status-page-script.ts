// Script of the status page, as text: it runs in the browser, where nothing of this program exists.
// Keeps two minutes of rates in memory for the small curves and nothing else.

export const STATUS_PAGE_SCRIPT = String.raw`
'use strict';
const PERIOD_MS = 2000;
const HISTORY = 60;
const byId = (id) => document.getElementById(id);
const history = new Map();
let last;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function count(value) {
  if (value >= 1e9) return (value / 1e9).toFixed(2) + 'G';
  if (value >= 1e6) return (value / 1e6).toFixed(2) + 'M';
  if (value >= 1e4) return (value / 1e3).toFixed(1) + 'k';
  return value % 1 === 0 ? String(value) : value.toFixed(1);
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return (unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)) + ' ' + units[unit];
}

function span(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return seconds + 's';
  if (seconds < 3600) return Math.floor(seconds / 60) + 'm ' + (seconds % 60) + 's';
  if (seconds < 86400) return Math.floor(seconds / 3600) + 'h ' + Math.floor(seconds % 3600 / 60) + 'm';
  return Math.floor(seconds / 86400) + 'd ' + Math.floor(seconds % 86400 / 3600) + 'h';
}

const sum = (rows, value) => rows.reduce((total, row) => total + value(row), 0);

function remember(name, value) {
  const values = history.get(name) ?? [];
  values.push(value);
  if (values.length > HISTORY) values.shift();
  history.set(name, values);
  return values;
}

function curve(values) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 ' + (HISTORY - 1) + ' 28');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const top = Math.max(1, ...values);
  const points = values.map((value, index) => {
    const x = HISTORY - values.length + index;
    return x + ',' + (26 - (value / top) * 24).toFixed(2);
  });
  const line = document.createElementNS(space, 'polyline');
  line.setAttribute('points', points.join(' '));
  line.setAttribute('fill', 'none');
  line.setAttribute('stroke', 'var(--memory)');
  line.setAttribute('stroke-width', '1.5');
  line.setAttribute('vector-effect', 'non-scaling-stroke');
  svg.append(line);
  return svg;
}

function tile(name, value, note, values) {
  const node = element('div', 'tile');
  node.append(element('span', 'quiet', name), element('b', '', value));
  if (note) node.append(element('span', 'quiet', note));
  if (values && values.length > 1) node.append(curve(values));
  return node;
}

function table(id, heads, rows, empty) {
  const [head, body] = byId(id).children;
  const titles = element('tr');
  for (const [title, number] of heads) titles.append(element('th', number ? 'number' : '', title));
  head.replaceChildren(titles);
  const lines = rows.map((cells) => {
    const line = element('tr');
    cells.forEach((cell, index) => {
      const [text, className] = Array.isArray(cell) ? cell : [cell, ''];
      line.append(element('td', (heads[index][1] ? 'number ' : '') + className, text));
    });
    return line;
  });
  if (lines.length === 0) {
    const line = element('tr');
    const cell = element('td', 'quiet', empty);
    cell.colSpan = heads.length;
    line.append(cell);
    lines.push(line);
  }
  body.replaceChildren(...lines);
}

function resourceName(row) {
  if (row.resource === '') return '(not a resource)';
  return row.group === '' ? row.resource : row.resource + '.' + row.group;
}

function totals(status) {
  const source = { cache: 0, passthrough: 0, local: 0 };
  for (const row of status.requests.rows) source[row.source] += row.count;
  return {
    source,
    requests: source.cache + source.passthrough + source.local,
    received: sum(status.lanes, (lane) => lane.received.added + lane.received.modified + lane.received.deleted),
    sent: sum(status.lanes, (lane) => lane.eventsSent),
  };
}

function drawTiles(status, now, seconds) {
  const rate = (name) => seconds > 0 && last ? Math.max(0, (now[name] - last[name]) / seconds) : 0;
  const requests = remember('requests', rate('requests'));
  const received = remember('received', rate('received'));
  const sent = remember('sent', rate('sent'));
  const lanes = status.lanes;
  const memory = status.memory;
  const connections = status.connections;
  byId('tiles').replaceChildren(
    tile('Requests per second', count(requests.at(-1)), count(now.requests) + ' in all', requests),
    tile('Events in per second', count(received.at(-1)), 'one watch per resource', received),
    tile('Events out per second', count(sent.at(-1)), count(status.watches.open) + ' open watches', sent),
    tile('Objects held', count(sum(lanes, (lane) => lane.objects)), bytes(sum(lanes, (lane) => lane.objectBytes))),
    tile('Window', bytes(sum(lanes, (lane) => lane.window.bytes)), count(sum(lanes, (lane) => lane.window.events)) + ' events'),
    tile('Connections', count(connections.http2 + connections.http1), connections.http2 + ' HTTP/2, ' + connections.http1 + ' HTTP/1.1'),
    tile('Memory', bytes(memory.rssBytes), bytes(memory.heapUsedBytes) + ' heap'),
    tile('Event loop', Math.round(status.eventLoop.utilization * 100) + ' %', 'delay p99 ' + status.eventLoop.delayP99Ms.toFixed(1) + ' ms'),
  );
}

function drawShare(now) {
  const names = { cache: 'from memory', passthrough: 'passed through', local: 'answered by the proxy itself' };
  const bars = [];
  const words = [];
  for (const [source, name] of Object.entries(names)) {
    const part = now.requests === 0 ? 0 : now.source[source] / now.requests;
    const bar = element('i', source);
    bar.style.flexGrow = String(part);
    bars.push(bar);
    const entry = element('span');
    entry.append(element('i', source), count(now.source[source]) + ' ' + name + ' (' + (part * 100).toFixed(1) + ' %)');
    words.push(entry);
  }
  byId('share').replaceChildren(...bars);
  byId('share').setAttribute('aria-label', words.map((entry) => entry.textContent).join(', '));
  byId('legend').replaceChildren(...words);
}

const STATE_CLASS = { live: 'good', starting: 'warn', disconnected: 'bad', closed: 'quiet' };

function drawLanes(lanes) {
  const heads = [['Resource'], ['State'], ['Objects', 1], ['Bytes', 1], ['Revision', 1], ['Window from', 1], ['Events', 1],
    ['Bytes', 1], ['Age', 1], ['Watches', 1], ['Groups', 1], ['Lag', 1], ['Received', 1], ['Sent', 1], ['LISTs', 1]];
  const sorted = [...lanes].sort((left, right) => right.watches - left.watches || right.objects - left.objects);
  table('lanes', heads, sorted.map((lane) => [
    resourceName(lane) + (lane.form === 'json' ? '' : ' (' + lane.form + ')') + (lane.pinned ? ' (pinned)' : ''),
    [lane.state + (lane.reason === '' ? '' : ': ' + lane.reason), STATE_CLASS[lane.state] ?? ''],
    count(lane.objects), bytes(lane.objectBytes), String(lane.frontierRevision),
    String(lane.window.floorRevision), count(lane.window.events), bytes(lane.window.bytes), span(lane.window.ageMs),
    count(lane.watches), count(lane.filterGroups), [count(lane.lagEvents), lane.lagEvents > 10000 ? 'warn' : ''],
    count(lane.received.added + lane.received.modified + lane.received.deleted), count(lane.eventsSent), count(lane.lists),
  ]), 'No resource is followed yet: read something through the proxy.');
}

function drawRequests(status) {
  const groups = new Map();
  for (const row of status.requests.rows) {
    const key = row.verb + ' ' + resourceName(row);
    const group = groups.get(key) ?? { verb: row.verb, name: resourceName(row), cache: 0, passthrough: 0, local: 0, failed: 0 };
    group[row.source] += row.count;
    if (row.code >= 400) group.failed += row.count;
    groups.set(key, group);
  }
  const total = (group) => group.cache + group.passthrough + group.local;
  const rows = [...groups.values()].sort((left, right) => total(right) - total(left)).slice(0, 40);
  table('requests', [['Verb'], ['Resource'], ['Memory', 1], ['Passed', 1], ['Failed', 1]], rows.map((group) => [
    group.verb, group.name, count(group.cache), count(group.passthrough), [count(group.failed), group.failed > 0 ? 'warn' : ''],
  ]), 'No request yet.');
  table('reasons', [['Reason'], ['Requests', 1]],
    status.requests.passThroughReasons.map(({ reason, count: times }) => [reason, count(times)]), 'None yet.');
}

function draw(status) {
  const now = totals(status);
  now.atMs = performance.now();
  const seconds = last ? (now.atMs - last.atMs) / 1000 : 0;
  byId('phase').textContent = status.phase;
  byId('phase').className = 'pill ' + (status.phase === 'serving' ? 'good' : 'warn');
  const upstream = status.upstream;
  byId('upstream').textContent = (upstream.connected ? 'connected to ' : 'not connected to ') + upstream.url;
  byId('upstream').className = 'pill ' + (upstream.connected ? 'good' : 'bad');
  byId('about').textContent = status.version + ', up ' + span(Date.now() - status.startedAt);
  byId('problem').hidden = upstream.connected || upstream.lastError === '';
  byId('problem').textContent = upstream.lastError;
  drawTiles(status, now, seconds);
  drawShare(now);
  drawLanes(status.lanes);
  drawRequests(status);
  last = now;
}

async function refresh() {
  try {
    const answer = await fetch('status.json', { cache: 'no-store' });
    draw(await answer.json());
  } catch (error) {
    byId('phase').textContent = 'no answer';
    byId('phase').className = 'pill bad';
  }
  setTimeout(refresh, PERIOD_MS);
}

refresh();
`;
