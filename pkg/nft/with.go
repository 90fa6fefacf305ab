package nft

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
