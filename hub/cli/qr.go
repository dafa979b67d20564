package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"rsc.io/qr"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

// quiet is the blank border that readers of QR codes need, in modules.
const quiet = 4

// drawCode draws a text as a QR code for a terminal, two modules a character:
// black on white, whatever the terminal's own colours are. These are no
// decoration, so NO_COLOR does not hold for them.
func drawCode(out io.Writer, text string) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("cli: QR code of a join string: %w", err)
	}
	dark := func(x, y int) bool { return code.Black(x, y) } // also false beyond the edges
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := dark(x, y), dark(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	_, err = io.WriteString(out, b.String())
	return err
}

// join prints the join string, alone where it is piped. On a screen the QR code
// follows, and it is written to a file where one is named.
func (v *view) join(r *admin.JoinResult) error {
	if _, err := fmt.Fprintln(v.out, clean(r.Join)); err != nil {
		return err
	}
	if v.screen {
		fmt.Fprintln(v.out)
		if err := drawCode(v.out, r.Join); err != nil {
			return err
		}
		fmt.Fprintln(v.out)
	}
	if v.svg != "" {
		if err := os.WriteFile(v.svg, []byte(r.QR+"\n"), 0o644); err != nil {
			return sitesync.Errorf(sitesync.CodeUsage, "choose a file in a folder that exists", "the QR code cannot be written: %w", err)
		}
		v.hint("The QR code is in %s.", clean(v.svg))
	}
	v.hint("Enter it on the device: sitesync-agent join 'STRING'. It holds no secret; the site's password is asked for there.")
	return nil
}
