package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firn/driver"
	"firn/driver/drivertest"
)

// talk is a script that connects by bash's own means and prints what the other side says.
func talk(host string, port int) string {
	return fmt.Sprintf(`exec 3<>/dev/tcp/%s/%d && echo hello >&3 && read -r l <&3 && echo "$l"; exec 3>&-`, host, port)
}

func bash(t *testing.T, id, script string) driver.Spec {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash, for its /dev/tcp")
	}
	s := drivertest.Shell(id, "")
	s.Args = []string{"bash", "-c", script}
	return s
}

// echo answers each connection with a word and the line that came.
func echo(t *testing.T, l net.Listener, word string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				io.WriteString(c, word+" "+line)
			}()
		}
	}()
}

func tcp(t *testing.T, word string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l, word)
	return l.Addr().(*net.TCPAddr).Port
}

func TestAPI(t *testing.T) {
	d := openTest(t)
	l, err := net.Listen("unix", d.cfg.APISocket)
	if err != nil {
		t.Fatal(err)
	}
	s := bash(t, "api", talk("127.0.0.1", 8084)+"; "+talk("localhost", 8084)+"; echo gone; "+talk("127.0.0.1", 8084))
	s.APIPort = 8084
	echo(t, l, "first")
	if err := d.Start(within(t), s); err != nil {
		t.Fatal(err)
	}
	log, err := d.Log(within(t), s.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var got []string
	for sc := bufio.NewScanner(log); sc.Scan(); {
		text := strings.SplitN(sc.Text(), " ", 3)[2]
		got = append(got, text)
	}
	if want := []string{"first hello", "first hello", "gone", "first hello"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAPIRestart: a server that is away for a moment is a slow answer.
func TestAPIRestart(t *testing.T) {
	d := openTest(t)
	s := bash(t, "api", "echo up; "+talk("127.0.0.1", 8084))
	s.APIPort = 8084
	if err := d.Start(within(t), s); err != nil {
		t.Fatal(err)
	}
	log, err := d.Log(within(t), s.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	sc := bufio.NewScanner(log)
	if !sc.Scan() || !strings.HasSuffix(sc.Text(), "up") {
		t.Fatal(sc.Text(), sc.Err())
	}
	l, err := net.Listen("unix", d.cfg.APISocket) // only now
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l, "late")
	if !sc.Scan() || !strings.HasSuffix(sc.Text(), "late hello") {
		t.Errorf("%q %v", sc.Text(), sc.Err())
	}
}

func TestEgress(t *testing.T) {
	port, other := tcp(t, "outside"), tcp(t, "never")
	for _, mode := range []string{"tun", "loopback", "tun and hub", "loopback and hub"} {
		t.Run(mode, func(t *testing.T) {
			mode, hub := strings.CutSuffix(mode, " and hub")
			dir := t.TempDir()
			cfg := config(dir)
			cfg.Hosts = map[string]string{"data.example": "127.0.0.1", "a.files.example": "127.0.0.1", "b.files.example": "127.0.0.1", "denied.example": "127.0.0.1"}
			if mode == "loopback" {
				cfg.Tun = ""
			} else if !Probe().Tun {
				t.Skip("needs a TUN device that can be opened")
			}
			d := open(t, cfg)
			t.Cleanup(func() { d.Close() })
			script := strings.Join([]string{
				talk("data.example", port), talk("DATA.example", port), talk("a.files.example", port), talk("b.files.example", port),
				talk("data.example", other), talk("denied.example", port), talk("files.example", port), talk("inward.example", port), talk("192.0.2.7", port),
				talk("127.0.0.1", port), // the machine's own loopback is not the instance's
			}, "; ") + "; true"
			s := bash(t, "egress", script)
			s.Egress = []string{fmt.Sprintf("data.example:%d", port), fmt.Sprintf("*.files.example:%d", port)}
			if hub {
				s.Count = 2
			}
			e, out := runTo(t, d, s)
			if e.Code != 0 || strings.Count(out, "outside hello\n") != 4 || strings.Contains(out, "never") {
				t.Errorf("%+v\n%s", e, out)
			}
			refused := []string{"denied.example ", "files.example ", "inward.example "}
			if mode == "tun" {
				refused = append(refused, fmt.Sprintf("data.example:%d ", other), fmt.Sprintf("192.0.2.7:%d ", port))
			}
			for _, r := range refused {
				if !strings.Contains(out, "firn: egress refused: "+r) {
					t.Errorf("%q is not named:\n%s", r, out)
				}
			}
			if err := d.Remove(within(t), s.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoEgress: without any allowed host nothing is reachable, and the log says what was tried.
func TestNoEgress(t *testing.T) {
	d := openTest(t)
	port := tcp(t, "outside")
	s := bash(t, "none", talk("pypi.example", 443)+"; "+talk("127.0.0.1", port)+"; "+talk("192.0.2.1", 80)+"; echo done")
	e, out := runTo(t, d, s)
	if e.Code != 0 || !strings.Contains(out, "done\n") || strings.Contains(out, "outside") || !strings.Contains(out, "egress refused: pypi.example ") {
		t.Errorf("%+v\n%s", e, out)
	}
}

// TestHubAfterRestart: an instance started by the next server joins the network of those of the last.
func TestHubAfterRestart(t *testing.T) {
	dir := t.TempDir()
	gate := t.TempDir()
	cfg := config(dir)
	d := open(t, cfg)
	mk := func(i int, script string) driver.Spec {
		s := drivertest.Shell(fmt.Sprintf("ring-%d", i), script)
		s.Job, s.Index, s.Count = "ring", i, 2
		s.Mounts = []driver.Mount{{Source: gate, Target: "/mnt/gate"}}
		return s
	}
	mkfifo(t, filepath.Join(gate, "go"))
	if err := d.Start(within(t), mk(0, "cat /mnt/gate/go")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, cfg)
	t.Cleanup(func() { d.Close() })
	if _, err := d.Recover(within(t)); err != nil {
		t.Fatal(err)
	}
	e, out := runTo(t, d, mk(1, "getent ahostsv4 ring | awk '$2==\"STREAM\"{print $1}' | sort"))
	if e.Code != 0 || out != "10.244.0.2\n10.244.0.3\n" {
		t.Errorf("%+v %q", e, out)
	}
	f, err := os.OpenFile(filepath.Join(gate, "go"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := d.Wait(within(t), "ring-0"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"ring-0", "ring-1"} {
		if err := d.Remove(within(t), id); err != nil {
			t.Error(err)
		}
	}
}
