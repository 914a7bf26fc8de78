// Command firn is the server and its tools.
//
//	firn serve     runs the server
//	firn doctor    says what this machine offers and what is lost without it
//	firn version   prints the version
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by a release's build.
var version = "0.1.0-dev"

type cli struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Doctor  doctorCommand  `cmd:"" help:"Print what this machine offers, and what is lost without it."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Println("firn", version)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("firn"), kong.Description("Snowflake ML Jobs on machines you own."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "firn:", err)
		os.Exit(1)
	}
}
