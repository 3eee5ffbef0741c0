// Command chat lets two users talk in a terminal.
//
//	gateway &
//	chat -to 8 -token $(gateway token --uid 7)
//	chat -to 7 -token $(gateway token --uid 8)
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"longline"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:7400", "where the gateway listens")
	token := flag.String("token", "", "the user's token")
	to := flag.Uint64("to", 0, "the user to talk to")
	file := flag.String("store", "", "file for the cursor and the outbox; empty: in memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := longline.Config{Addr: *addr, Platform: 6, Handler: show, Logf: log.Printf}
	cfg.Token = func(context.Context) (string, error) { return *token, nil }
	if *file != "" {
		store, err := longline.OpenFile(*file)
		if err != nil {
			log.Fatal(err)
		}
		defer store.Close()
		cfg.Store = store
	}
	client, err := longline.Open(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.WaitOnline(ctx); err != nil {
		log.Fatal(err)
	}
	chat := longline.Direct(client.UID(), *to)
	fmt.Println("you are", client.UID(), "- type a line")
	lines := bufio.NewScanner(os.Stdin)
	for ctx.Err() == nil && lines.Scan() {
		if _, err := client.SendText(ctx, chat, lines.Text()); err != nil {
			fmt.Println("not sent:", err)
		} else {
			fmt.Println("sent")
		}
	}
}

// show prints what arrives.
func show(e longline.Event) {
	switch e := e.(type) {
	case longline.Message:
		if e.Kind == 1 {
			fmt.Printf("%d: %s\n", e.Sender, e.Body)
		}
	case longline.Signal:
		if e.Kind == 2 {
			fmt.Printf("%d is typing\n", e.UID)
		}
	}
}
