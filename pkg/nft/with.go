package nft

// Available returns why the kernel has no nftables for the family of the table, nil if it has.
func Available(t Table) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.HasTable(t)
	return err
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
