package nft

// Available returns why the kernel has no nftables for the family of the table, nil if it has.
func Available(t Table) error {
	return With(func(c *Conn) error {
		_, err := c.HasTable(t)
		return err
	})
}

// With runs f with a connection.
func With(f func(*Conn) error) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// Change is Conn.Change with a connection of its own.
func Change(build func(*Conn, *Transaction) error) error {
	return With(func(c *Conn) error {
		return c.Change(func(tx *Transaction) error { return build(c, tx) })
	})
}

// WithTable runs f if the kernel has the table.
func WithTable(t Table, f func(*Conn) error) error {
	c, err := Dial()
	if IsNotSupported(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	exists, err := c.HasTable(t)
	if IsNotSupported(err) || err == nil && !exists {
		return nil
	}
	if err != nil {
		return err
	}
	return f(c)
}
