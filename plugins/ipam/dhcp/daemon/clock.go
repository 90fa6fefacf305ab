package daemon

import (
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// clock hears of the wall clock being set, and of the end of a suspension, during which the timers of
// keepers stand still. The times of leases are by that, as they have to
// mean the same to the next daemon: they would come too early or too late. At boot it may be
// wrong by days, and set when the first containers are there.
type clock struct {
	file *os.File
	// ahead is how far the wall clock was ahead of the time since boot when it was looked at.
	ahead time.Duration
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	c := &clock{file: os.NewFile(uintptr(fd), "timer")}
	late := unix.ItimerSpec{Value: unix.Timespec{Sec: math.MaxInt32}}
	err = unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &late, nil)
	if err == nil {
		c.ahead, err = ahead()
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("watch the clock: %w", err)
	}
	return c, nil
}

func (c *clock) close() { c.file.Close() }

// ahead counts the time that the machine slept.
func ahead() (time.Duration, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(time.Now().UnixNano() - up.Nano()), nil
}

// run tells by how much the clock was set, 0 after a suspension, until it is closed.
func (c *clock) run(tell func(by time.Duration)) error {
	for buffer := make([]byte, 8); ; {
		// The end of the timer, in 2038, says nothing.
		_, err := c.file.Read(buffer)
		switch {
		case errors.Is(err, os.ErrClosed):
			return nil
		case err != nil && !errors.Is(err, unix.ECANCELED):
			return fmt.Errorf("watch the clock: %w", err)
		}
		now, err := ahead()
		if err != nil {
			return err
		}
		by := now - c.ahead
		if by.Abs() < time.Second {
			tell(0)
			continue
		}
		c.ahead = now
		tell(by.Round(time.Millisecond))
	}
}

// setClock makes the times of all leases go with the clock, and keepers look what is due by that.
func (d *Daemon) setClock(by time.Duration) {
	if by == 0 {
		for _, b := range d.all() {
			b.wake()
		}
		return
	}
	log.Printf("the clock was set by %v, and the times of leases go with it", by)
	for _, b := range d.all() {
		b.move(by)
		go d.ifKept(b, func() error { return b.save(func(*store.Record) {}) })
	}
}

// move moves the times of the leases.
func (b *binding) move(by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if lease := b.record.V4; lease != nil {
		b.record.V4 = lease.Moved(by)
	}
	if lease := b.record.V6; lease != nil {
		b.record.V6 = lease.Moved(by)
	}
	b.notify()
}
