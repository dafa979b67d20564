// A list of any length that draws only what is seen. Rows have one height.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../web/view.js';

const beyond = 8; // rows drawn above and below what is seen

// VirtualList shows items by row(item, index) in a box that scrolls. head is
// the row of the column heads.
export function VirtualList({ label, items, height = 44, head, row, columns }) {
  const box = useRef();
  const [view, setView] = useState({ top: 0, rows: 30 });
  const look = () => {
    if (!box.current) return; // the observer's last word, after the list has gone
    const { scrollTop, clientHeight } = box.current;
    const top = Math.floor(scrollTop / height);
    const rows = Math.ceil(clientHeight / height) + 1;
    setView((old) => (old.top === top && old.rows === rows ? old : { top, rows }));
  };
  useLayoutEffect(look, [items.length]);
  useEffect(() => {
    const watcher = new ResizeObserver(look);
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  const from = Math.max(0, view.top - beyond);
  const to = Math.min(items.length, view.top + view.rows + beyond);
  return html`
    <div class="list scroll" role="table" aria-label=${label} aria-rowcount=${items.length + 1} tabindex="0" ref=${box} onScroll=${look}>
      <div class="listhead" role="rowgroup"><div class=${`listrow ${columns}`} role="row" aria-rowindex="1">${head}</div></div>
      <div class="listbody" role="rowgroup" style=${{ height: `${items.length * height}px` }}>
        ${items.slice(from, to).map((item, i) => html`
          <div class=${`listrow ${columns}`} role="row" aria-rowindex=${from + i + 2} key=${item.id}
            style=${{ height: `${height}px`, transform: `translateY(${(from + i) * height}px)` }}>${row(item, from + i)}</div>`)}
      </div>
    </div>`;
}

// Head is a column's head by which one can sort.
export function Head({ id, sort, onSort, children, number }) {
  const [by, down] = [sort.replace(/^-/, ''), sort.startsWith('-')];
  const active = by === id;
  return html`
    <div role="columnheader" class=${number ? 'number' : ''} aria-sort=${active ? (down ? 'descending' : 'ascending') : undefined}>
      <button type="button" class=${`head ${active ? (down ? 'down' : 'up') : ''}`} onClick=${() => onSort(active && !down ? `-${id}` : id)}>${children}</button>
    </div>`;
}
