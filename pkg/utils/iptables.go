package utils

import (
	"errors"
	"fmt"

	"github.com/coreos/go-iptables/iptables"
)

// The exit statuses of iptables(8).
const (
	exitFailed = 1 // such as a chain that exists already, or does not
	exitUsage  = 2 // such as a rule that jumps to a chain that does not exist
)

// EnsureChain makes the chain unless it exists.
func EnsureChain(ipt *iptables.IPTables, table, chain string) error {
	if ipt == nil {
		return errors.New("failed to ensure iptable chain: IPTables was nil")
	}
	exists, err := chainExists(ipt, table, chain)
	if err != nil || exists {
		return err
	}
	err = ipt.NewChain(table, chain)
	if exitStatus(err) != exitFailed {
		return err
	}
	// Another process may have made it meanwhile.
	exists, checkErr := chainExists(ipt, table, chain)
	if checkErr != nil || exists {
		return checkErr
	}
	return err
}

func chainExists(ipt *iptables.IPTables, table, chain string) (bool, error) {
	exists, err := ipt.ChainExists(table, chain)
	if err != nil {
		return false, fmt.Errorf("failed to check iptables chain existence: %w", err)
	}
	return exists, nil
}

// DeleteRule deletes the first such rule of the chain. That the rule, the
// chain, or the chain the rule jumps to does not exist is not an error.
func DeleteRule(ipt *iptables.IPTables, table, chain string, rulespec ...string) error {
	err := ipt.Delete(table, chain, rulespec...)
	if err == nil || isNotExist(err) || exitStatus(err) == exitUsage {
		return nil
	}
	//lint:ignore ST1005 callers match upstream's text
	return fmt.Errorf("Failed to delete referring rule %s %s: %w", table, chain, err)
}

// DeleteChain deletes the chain, which must be empty. That it does not exist
// is not an error.
func DeleteChain(ipt *iptables.IPTables, table, chain string) error {
	if err := ipt.DeleteChain(table, chain); !isNotExist(err) {
		return err
	}
	return nil
}

// ClearChain deletes the rules of the chain, or makes it if it does not exist.
func ClearChain(ipt *iptables.IPTables, table, chain string) error {
	if err := ipt.ClearChain(table, chain); !isNotExist(err) {
		return err
	}
	return EnsureChain(ipt, table, chain)
}

// InsertUnique puts the rule at the beginning of the chain if prepend, else at
// its end, unless it is somewhere in it.
func InsertUnique(ipt *iptables.IPTables, table, chain string, prepend bool, rule []string) error {
	exists, err := ipt.Exists(table, chain, rule...)
	if err != nil || exists {
		return err
	}
	if prepend {
		return ipt.Insert(table, chain, 1, rule...)
	}
	return ipt.Append(table, chain, rule...)
}

// isNotExist reports whether err is iptables' answer that a chain or rule does
// not exist.
func isNotExist(err error) bool {
	var e *iptables.Error
	return errors.As(err, &e) && e.IsNotExist()
}

// exitStatus returns the exit status of iptables that err reports, or 0.
func exitStatus(err error) int {
	var e *iptables.Error
	if errors.As(err, &e) {
		return e.ExitStatus()
	}
	return 0
}
