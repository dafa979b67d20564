package agentpage

import (
	"testing"

	"sitesync/hub/rig/browser"
)

// auditor looks for what some people could not read or reach: text with less
// contrast to its ground than WCAG AA asks for, controls without a name, and a
// page without one main heading. What cannot be used for now may be faint.
const auditor = `(() => {
  const rgba = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const chain = (e) => (e ? [...chain(e.parentElement), e] : []);
  const look = (e) => {
    let ground = [255, 255, 255, 1];
    let text = ground;
    for (const box of chain(e)) {
      const style = getComputedStyle(box);
      const beneath = ground;
      ground = over(rgba(style.backgroundColor), ground);
      text = over(rgba(style.color), ground);
      const opacity = Number(style.opacity);
      if (opacity < 1) {
        text = over([...text.slice(0, 3), opacity], beneath);
        ground = over([...ground.slice(0, 3), opacity], beneath);
      }
    }
    return [text, ground];
  };
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = ([a, b]) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const unused = (e) => e.closest(':disabled, .stale, .hidden') || !e.getClientRects().length;
  const complaints = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (unused(e) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
    const found = ratio(look(e));
    if (found < least) complaints.push(e.textContent.trim().slice(0, 40) + ': contrast ' + found.toFixed(2));
  }
  for (const e of document.querySelectorAll('button, a, input, textarea, select')) {
    const name = e.getAttribute('aria-label') || (e.labels ? [...e.labels].map((l) => l.textContent).join('') : '') || e.textContent;
    if (!name.trim()) complaints.push('no name: ' + e.outerHTML.slice(0, 80));
  }
  const headings = document.querySelectorAll('h1').length;
  if (headings !== 1) complaints.push(headings + ' main headings');
  return complaints;
})()`

// audit lets it look at a screen in the colours of now.
func audit(t *testing.T, p *browser.Page, screen string) {
	t.Helper()
	var complaints []string
	check(t, p.Eval(auditor, &complaints))
	for _, c := range complaints {
		t.Errorf("%s: %s", screen, c)
	}
}

// TestAuditBites shows that the auditor finds what it is there for.
func TestAuditBites(t *testing.T) {
	t.Parallel()
	agent := device(t, "an audited one")
	p := visit(t, english)
	check(t, p.Open(agent.URL))
	check(t, p.Wait("Sign in"))
	audit(t, p, "before")
	var complaints []string
	check(t, p.Eval(`(() => { const p = document.querySelector('form p'); p.style.color = '#888'; p.style.opacity = 0.9;
		document.querySelector('label').remove(); document.querySelector('h1').remove(); })()`, nil))
	check(t, p.Eval(auditor, &complaints))
	if len(complaints) != 3 {
		t.Errorf("complaints: %q", complaints)
	}
}
