package shim

import "syscall"

// sessionAttr puts a shim into a session of its own: signals to the server's group and the end of its terminal do not reach it.
func sessionAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
