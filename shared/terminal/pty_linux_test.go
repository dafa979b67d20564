package terminal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sitesync/shared/sitesync"
)

// openPTY gives both ends of a terminal: what the person sees and types, and
// what the program has.
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func awaitQuiet(t *testing.T, f *os.File) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); echoes(t, f); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it still shows what is typed")
		}
	}
}

func TestSecretDoesNotShow(t *testing.T) {
	person, program := openPTY(t)
	if !Asks(program) {
		t.Fatal("a terminal is not taken for one")
	}
	answer := make(chan string, 1)
	go func() {
		secret, err := Secret(t.Context(), program, program, "Password")
		answer <- fmt.Sprintf("%s %v", secret, err)
	}()
	awaitQuiet(t, program)
	if _, err := person.WriteString("correct horse\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "correct horse <nil>" {
		t.Errorf("%s", got)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}
	seen := make([]byte, 1000)
	n, err := person.Read(seen)
	if err != nil || !bytes.HasPrefix(seen[:n], []byte("Password: ")) || bytes.Contains(seen[:n], []byte("horse")) {
		t.Errorf("the person saw %q, %v", seen[:n], err)
	}
}

func TestInterruptedSecret(t *testing.T) {
	_, program := openPTY(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Secret(ctx, program, program, "Password")
		done <- err
	}()
	awaitQuiet(t, program)
	cancel()
	if err := <-done; sitesync.CodeOf(err) != sitesync.CodeTimeout {
		t.Errorf("%v", err)
	}
	if !echoes(t, program) {
		t.Error("an interrupted question leaves the terminal silent")
	}
}
