package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sitesync/hub/rig"
)

// Open loads an address and waits until it is loaded.
func (p *Page) Open(url string) error { return chromedp.Do(p.ctx, chromedp.Navigate(url)) }

// Eval evaluates JavaScript and decodes its value; it waits for promises.
func (p *Page) Eval(script string, result any) error {
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[json.RawMessage](script, chromedp.EvalAwaitPromise))
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(value, result)
}

// Text is all that a person can read on the page.
func (p *Page) Text() (text string, err error) {
	return text, p.Eval("document.body.innerText", &text)
}

// Wait waits until all texts can be read.
func (p *Page) Wait(texts ...string) error {
	return p.until(func(text string) bool {
		return !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(text, want) })
	}, "the page does not say "+strings.Join(texts, ", "))
}

// WaitGone waits until none of the texts can be read.
func (p *Page) WaitGone(texts ...string) error {
	return p.until(func(text string) bool {
		return !slices.ContainsFunc(texts, func(gone string) bool { return strings.Contains(text, gone) })
	}, "the page still says "+strings.Join(texts, ", "))
}

func (p *Page) until(right func(text string) bool, otherwise string) error {
	var seen string
	err := rig.Until(Patience, func() (bool, error) {
		text, err := p.Text()
		seen = text
		return err == nil && right(text), err
	})
	if err != nil {
		return fmt.Errorf("%s: %w\n--- it says:\n%s\n--- complaints: %q", otherwise, err, seen, p.Complaints())
	}
	return nil
}

// Has says whether there is an element now that a person can reach.
func (p *Page) Has(role, name string) (bool, error) {
	node, err := p.find(role, name)
	return node != 0, err
}

// find gives the first element of a role and name that is not hidden; the
// browser itself computes both. Disabled ones are not found.
func (p *Page) find(role, name string) (cdp.BackendNodeID, error) {
	return chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (cdp.BackendNodeID, error) {
		depth := int64(0)
		root, err := cdp.Call(ctx, t, dom.GetDocument, dom.GetDocumentParams{Depth: &depth})
		if err != nil {
			return 0, err
		}
		found, err := cdp.Call(ctx, t, accessibility.QueryAXTree,
			accessibility.QueryAXTreeParams{BackendNodeID: root.Root.BackendNodeID, Role: role, AccessibleName: name})
		if err != nil {
			return 0, err
		}
		for _, n := range found.Nodes {
			if !n.Ignored && n.BackendDOMNodeID != 0 && !disabled(n) {
				return n.BackendDOMNodeID, nil
			}
		}
		return 0, nil
	})
}

func disabled(n *accessibility.Node) bool {
	return slices.ContainsFunc(n.Properties, func(q *accessibility.Property) bool {
		return q.Name == accessibility.PropertyNameDisabled && string(q.Value.Value) == "true"
	})
}

// clickHere clicks on an element if a person could: it is the one that is to
// be seen at its place. Looking and clicking are one step, since pages move.
const clickHere = `function() {
	const box = this.getBoundingClientRect();
	const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
	if (!seen || !this.contains(seen) && !seen.contains(this)) return false;
	this.focus();
	this.click();
	return true;
}`

// Click clicks on an element.
func (p *Page) Click(role, name string) error {
	return p.reach(role, name, func(ctx context.Context, t *chromedp.Target, node cdp.BackendNodeID) error {
		object, err := cdp.Call(ctx, t, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node})
		if err != nil {
			return err
		}
		yes := true
		done, err := cdp.Call(ctx, t, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
			FunctionDeclaration: clickHere, ObjectID: object.Object.ObjectID, ReturnByValue: &yes, UserGesture: &yes})
		if err == nil && string(done.Result.Value) != "true" {
			err = errors.New("something lies over it")
		}
		return err
	})
}

// fields are the roles of what one can write into.
var fields = []string{"textbox", "searchbox", "spinbutton", "combobox"}

// Fill replaces what stands in a field.
func (p *Page) Fill(label, text string) error {
	err := rig.Until(Patience, func() (bool, error) {
		for _, role := range fields {
			if err := p.fill(role, label, text); !errors.Is(err, errNoElement) {
				return err == nil, err
			}
		}
		return false, errNoElement
	})
	if err != nil {
		return p.failed("field", label, err)
	}
	return nil
}

func (p *Page) fill(role, label, text string) error {
	node, err := p.find(role, label)
	if err != nil {
		return err
	}
	if node == 0 {
		return errNoElement
	}
	return p.act(node, func(ctx context.Context, t *chromedp.Target, node cdp.BackendNodeID) error {
		if _, err := cdp.Call(ctx, t, dom.Focus, dom.FocusParams{BackendNodeID: node}); err != nil {
			return err
		}
		if _, err := chromedp.Evaluate[bool]("document.activeElement.select(), true")(ctx, t); err != nil {
			return err
		}
		if text == "" {
			_, err := chromedp.KeyEvent(kb.Delete)(ctx, t)
			return err
		}
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// Choose selects an option of a select box by its text.
func (p *Page) Choose(label, option string) error {
	return p.reach("combobox", label, func(ctx context.Context, t *chromedp.Target, node cdp.BackendNodeID) error {
		if _, err := cdp.Call(ctx, t, dom.Focus, dom.FocusParams{BackendNodeID: node}); err != nil {
			return err
		}
		script := fmt.Sprintf(`(() => { const box = document.activeElement;
			const option = [...box.options].find((o) => o.text === %q);
			if (!option) return false;
			box.value = option.value; box.dispatchEvent(new Event('change', { bubbles: true })); return true; })()`, option)
		found, err := chromedp.Evaluate[bool](script)(ctx, t)
		if err == nil && !found {
			err = fmt.Errorf("%s has no option %s", label, option)
		}
		return err
	})
}

// Press presses a key: a character, or a name of package kb.
func (p *Page) Press(key string) error { return chromedp.Do(p.ctx, chromedp.KeyEvent(key)) }

var errNoElement = errors.New("there is no such element")

// reach waits for an element and does something with it. Pages draw anew, so
// that an element may go between being found and being used: it tries again.
func (p *Page) reach(role, name string, do func(context.Context, *chromedp.Target, cdp.BackendNodeID) error) error {
	err := rig.Until(Patience, func() (bool, error) {
		node, err := p.find(role, name)
		if err != nil || node == 0 {
			return false, errors.Join(err, errNoElement)
		}
		if do == nil {
			return true, nil
		}
		err = p.act(node, do)
		return err == nil, err
	})
	if err != nil {
		return p.failed(role, name, err)
	}
	return nil
}

// failed tells what was wanted, and what there is.
func (p *Page) failed(role, name string, err error) error {
	text, _ := p.Text()
	return fmt.Errorf("%s %q: %w\n--- the page says:\n%s\n--- complaints: %q", role, name, err, text, p.Complaints())
}

func (p *Page) act(node cdp.BackendNodeID, do func(context.Context, *chromedp.Target, cdp.BackendNodeID) error) error {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: node}); err != nil {
			return err
		}
		return do(ctx, t, node)
	}))
}

// WaitFor waits until there is an element.
func (p *Page) WaitFor(role, name string) error { return p.reach(role, name, nil) }

// Screenshot writes what the page shows to a PNG file.
func (p *Page) Screenshot(file string) error {
	time.Sleep(100 * time.Millisecond) // for what is being drawn; a picture proves nothing
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, shot.Data, 0o644)
}

// Memory is what the page's JavaScript holds, in bytes, after its garbage is
// collected.
func (p *Page) Memory() (int64, error) {
	if _, err := chromedp.Call(p.ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		return 0, err
	}
	use, err := chromedp.Call(p.ctx, runtime.GetHeapUsage, cdp.Empty{})
	return int64(use.UsedSize + use.BackingStorageSize + use.EmbedderHeapUsedSize), err
}
