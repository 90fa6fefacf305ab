package disk

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInterrupted starts from what a process leaves that dies at some point.
func TestInterrupted(t *testing.T) {
	tests := map[string]func(t *testing.T, s *Store){
		"temporary file made": func(t *testing.T, s *Store) { put(t, s, tempName, "") },
		"temporary file written": func(t *testing.T, s *Store) {
			put(t, s, tempName, "x\r\neth0")
		},
		"linked": func(t *testing.T, s *Store) {
			put(t, s, tempName, "x\r\neth0")
			if err := os.Link(s.dir.path(tempName), s.dir.path("10.1.2.3")); err != nil {
				t.Fatal(err)
			}
		},
		"temporary file removed": func(t *testing.T, s *Store) { put(t, s, "10.1.2.3", "x\r\neth0") },
		"last address written": func(t *testing.T, s *Store) {
			put(t, s, "10.1.2.3", "x\r\neth0")
			put(t, s, "last_reserved_ip.0", "10.1.2.3")
		},
		"pages written": func(t *testing.T, s *Store) {
			put(t, s, "10.1.2.3", "x\r\neth0")
			tx, err := s.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Close()
			before, err := os.ReadFile(s.dir.path(indexName))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(s.dir.path("10.1.2.3")); err != nil {
				t.Fatal(err)
			}
			put(t, s, indexName, string(before))
		},
		"created as upstream does": func(t *testing.T, s *Store) { put(t, s, "10.1.2.3", "") },
	}
	for name, interrupt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			reserve(t, s, "a", "eth0", "10.1.2.2")
			interrupt(t, s)
			if err := s.ReleaseByID("x", "eth0"); err != nil {
				t.Error(err)
			}
			// The address is free again.
			reserve(t, s, "b", "eth0", "10.1.2.3")
			want := map[string]string{"10.1.2.2": "a\r\neth0", "10.1.2.3": "b\r\neth0", "last_reserved_ip.0": "10.1.2.3"}
			if diff := cmp.Diff(want, files(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRetain(t *testing.T) {
	s := newStore(t)
	for i, ifname := range []string{"eth0", "eth1", "eth2"} {
		reserve(t, s, "a", ifname, fmt.Sprintf("10.1.2.%d", i+2))
	}
	put(t, s, "10.1.2.9", "") // somebody died here
	put(t, s, "10.1.2.8", "old")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	keep := map[string]bool{"a/eth1": true, "old/": true}
	if err := tx.Retain(func(id, ifname string) bool { return keep[id+"/"+ifname] }); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"10.1.2.3": "a\r\neth1", "10.1.2.8": "old", "last_reserved_ip.0": "10.1.2.4"}
	if diff := cmp.Diff(want, files(t, s)); diff != "" {
		t.Error(diff)
	}
	if !isFresh(t, s) || !s.FindByID("a", "eth1") || s.FindByID("a", "eth0") {
		t.Error("the index is wrong")
	}
}

// TestCommitFails cannot make the second of two reservations.
func TestCommitFails(t *testing.T) {
	s := newStore(t)
	reserve(t, s, "a", "eth0", "10.1.2.2")
	before := files(t, s)
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	for i, ip := range []string{"10.1.2.3", "10.1.3.3"} {
		if ok, err := tx.Reserve("b", "eth0", net.ParseIP(ip), fmt.Sprint(i)); !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	// Somebody who does not care for the lock.
	if err := os.Mkdir(s.dir.path("10.1.3.3"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err == nil || !strings.Contains(err.Error(), "reserve 10.1.3.3: ") {
		t.Errorf("commit: %v", err)
	}
	if err := os.Remove(s.dir.path("10.1.3.3")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, files(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestCommitFreesNot cannot free what an ADD frees beside its reservation.
func TestCommitFreesNot(t *testing.T) {
	s := newStore(t)
	reserve(t, s, "a", "eth0", "10.1.2.2")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	if ok, err := tx.Reserve("b", "eth0", net.ParseIP("10.1.2.3"), "0"); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := tx.ReleaseByID("a", "eth0"); err != nil {
		t.Fatal(err)
	}
	// Somebody who does not care for the lock.
	path := s.dir.path("10.1.2.2")
	if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "in the way"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err == nil || !strings.Contains(err.Error(), "release 10.1.2.2: ") {
		t.Errorf("commit: %v", err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"last_reserved_ip.0": "10.1.2.2"}, files(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestRevert takes back what is still there.
func TestRevert(t *testing.T) {
	s := newStore(t)
	reserve(t, s, "a", "eth0", "10.1.2.2")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	for i, ip := range []string{"10.1.2.3", "10.1.3.3"} {
		if ok, err := tx.Reserve("b", "eth0", net.ParseIP(ip), fmt.Sprint(i)); !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	// Meanwhile another container got one of the addresses.
	if err := s.ReleaseByID("b", "eth0"); err != nil {
		t.Fatal(err)
	}
	reserve(t, s, "c", "eth0", "10.1.2.3")
	if err := s.Revert(tx); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"10.1.2.2": "a\r\neth0", "10.1.2.3": "c\r\neth0"}
	want["last_reserved_ip.0"] = "10.1.2.2"
	if diff := cmp.Diff(want, files(t, s)); diff != "" {
		t.Error(diff)
	}
	if !isFresh(t, s) {
		t.Error("the index is stale")
	}
}
