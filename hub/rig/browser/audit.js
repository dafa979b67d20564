(() => {
  const found = new Set();

  // rgb reads a computed colour: [red, green, blue, alpha].
  const rgb = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const channel = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const root = rgb(getComputedStyle(document.body).backgroundColor);
  const ground = (element) => {
    const colours = [];
    for (let e = element; e; e = e.parentElement) colours.push(rgb(getComputedStyle(e).backgroundColor));
    return colours.reverse().reduce((below, above) => over(above, below), root);
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest('.hidden, [inert]');
  const off = (element) => element.closest(':disabled') || Number(getComputedStyle(element).opacity) < 0.6;
  const name = (element) => `${element.tagName.toLowerCase()} "${(element.innerText || element.value || '').trim().slice(0, 40)}"`;

  const modal = document.querySelector('dialog[open]');
  const texts = document.createTreeWalker(modal ?? document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !seen(element) || off(element)) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    let colour = rgb(style.color);
    colour[3] *= Number(style.opacity);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(over(colour, below), below);
    if (ratio < (large ? 3 : 4.5)) found.add(`${name(element)} has a contrast of ${ratio.toFixed(1)}`);
  }
  for (const control of (modal ?? document).querySelectorAll('button, a[href], input, select, textarea, [role="button"]')) {
    if (!seen(control)) continue;
    const labels = [...(control.labels ?? [])].map((label) => label.innerText).join('');
    if (!(control.getAttribute('aria-label') || control.getAttribute('aria-labelledby') || labels || control.innerText).trim()) found.add(`${name(control)} has no name: ${control.outerHTML.slice(0, 120)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.add(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
  return [...found];
})()
