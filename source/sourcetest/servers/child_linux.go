package servers

import (
	"os/exec"
	"syscall"
)

// dieWithTest has a server end even where the test is killed.
func dieWithTest(server *exec.Cmd) {
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
