package browser

import (
	_ "embed"
	"fmt"
)

//go:embed audit.js
var audit string

// Barriers lists what would keep some people from using the page as it is
// shown: texts with less contrast than WCAG AA asks for, controls without a
// name, a page that is wider than its window.
func (p *Page) Barriers() ([]string, error) {
	var found []string
	if err := p.Eval(audit, &found); err != nil {
		return nil, fmt.Errorf("looking for barriers: %w", err)
	}
	return found, nil
}
