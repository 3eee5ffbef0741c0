package longline

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"longline/wire"
)

func TestADrainedGatewayIsComeBackTo(t *testing.T) {
	g := startGateway(t)
	a, b := g.login(7, Config{}), g.login(8, Config{})
	post(t, a, Direct(7, 8), 0, 20)
	g.cmd.Process.Signal(syscall.SIGTERM)
	if err := g.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	post(t, a, Direct(7, 8), 20, 40)
	g.start()
	inOrder(t, b.waitTexts(40, 60*time.Second), 40)
}

func TestAnotherHolderOfTheDeviceEndsTheSession(t *testing.T) {
	g := startGateway(t)
	store := NewMemory()
	a := g.login(7, Config{Store: store})
	g.login(7, Config{Store: store})
	var end *Ended
	for i := 0; !errors.As(a.Err(), &end); i++ {
		if i == 100 {
			t.Fatal("it did not end")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if end.Code != wire.SessionReplaced {
		t.Fatal(end)
	}
}

func TestTokensAreRenewedWhileTheSessionGoesOn(t *testing.T) {
	g := startGateway(t, "--jwt-leeway-s", "0")
	var asked atomic.Int64
	a := g.login(7, Config{Token: func(ctx context.Context) (string, error) {
		asked.Add(1)
		return g.shortToken(ctx, 7, "5s")
	}})
	online := a.online
	time.Sleep(11 * time.Second)
	if asked.Load() < 3 || a.Err() != nil || a.online != online {
		t.Fatal(asked.Load(), a.Err())
	}
}

// shortToken makes a token that is over soon.
func (g *gateway) shortToken(ctx context.Context, uid uint64, ttl string) (string, error) {
	cmd := exec.CommandContext(ctx, os.Getenv("LONGLINE_GATEWAY"), "token", "--uid", fmt.Sprint(uid), "--ttl", ttl,
		"--data-dir", filepath.Join(g.dir, "data"))
	cmd.Env = g.cmd.Env
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func TestIdleSessionsStayByHeartbeats(t *testing.T) {
	g := startGateway(t, "--heartbeat-ms", "1000")
	a := g.login(7, Config{})
	online := a.online
	time.Sleep(5 * time.Second)
	if a.Err() != nil || a.online != online {
		t.Fatal("the session was lost")
	}
}

func TestARestoredGatewayBeginsANewInbox(t *testing.T) {
	g := startGateway(t)
	a, b := g.login(7, Config{}), g.login(8, Config{})
	post(t, a, Direct(7, 8), 0, 10)
	b.waitTexts(10, 20*time.Second)
	g.cmd.Process.Signal(syscall.SIGTERM)
	g.cmd.Wait()
	cmd := exec.Command(os.Getenv("LONGLINE_GATEWAY"), "restored", filepath.Join(g.dir, "data"))
	cmd.Env = g.cmd.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(out), err)
	}
	g.start()
	b.waitTexts(20, 60*time.Second) // all rows come again
	resets := 0
	for _, e := range b.all() {
		if e == (Reset{}) {
			resets++
		}
	}
	if resets != 1 {
		t.Fatal(resets)
	}
}

func TestAMessageThatIsTooOldIsSentOnceAll(t *testing.T) {
	g := startGateway(t)
	store := NewMemory()
	old := uint64(time.Now().Add(-25 * time.Hour).UnixMilli())
	out := Outgoing{Key: 1, Conversation: Direct(7, 8), Kind: 1, Body: []byte("text 0")}
	for i := range 6 {
		out.ID[i] = byte(old >> (40 - 8*i))
	}
	out.ID[6], out.ID[8] = 0x70, 0x80
	store.Apply(Batch{Put: []Outgoing{out}})
	b := g.login(8, Config{})
	g.login(7, Config{Store: store})
	b.waitTexts(1, 20*time.Second)
	inOrder(t, b.texts(), 1)
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := x509.MarshalPKCS8PrivateKey(key)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g := startGateway(t, "--tls", "require", "--tls-certificate", write("c.pem", "CERTIFICATE", der),
		"--tls-key", write("k.pem", "PRIVATE KEY", private))
	roots := x509.NewCertPool()
	cert, _ := x509.ParseCertificate(der)
	roots.AddCert(cert)
	cfg := func(uid uint64) Config {
		return Config{TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, Token: func(ctx context.Context) (string, error) {
			return g.shortToken(ctx, uid, "1h")
		}}
	}
	a, b := g.login(7, cfg(7)), g.login(8, cfg(8))
	post(t, a, Direct(7, 8), 0, 5)
	inOrder(t, b.waitTexts(5, 20*time.Second), 5)
}
