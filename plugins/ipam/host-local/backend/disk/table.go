package disk

import "io"

// table is a hash table in consecutive pages of an index file, of records of one
// size. A page that is full sends further records to the next one. Pages are read
// when they are needed.
type table struct {
	file  io.ReaderAt // nil: all pages that exist are in memory
	first int64       // position of the first page in the file
	pages int
	size  int // of a record
	count int // of records

	memory map[int]page
	dirty  map[int]bool
	// broken is set when a page of the file cannot be read or is not intact.
	broken bool
}

// newTable returns an empty table that takes about n records before it should
// grow: each page is half full then.
func newTable(n, size int) *table {
	return &table{
		pages: 2*n/capacity(size) + 1, size: size,
		memory: map[int]page{}, dirty: map[int]bool{},
	}
}

// crowded reports whether so many pages are full that lookups slow down.
func (t *table) crowded() bool { return t.count >= t.pages*capacity(t.size)*3/4 }

// page returns the i-th page.
func (t *table) page(i int) page {
	if p, ok := t.memory[i]; ok {
		return p
	}
	p := newPage()
	if t.file != nil {
		if _, err := t.file.ReadAt(p, t.first+int64(i)*pageSize); err != nil || !p.intact(t.size) {
			t.broken = true
			p = newPage()
		}
	}
	t.memory[i] = p
	return p
}

// probe calls visit for the pages in which a record of that hash may be, until
// visit returns true.
func (t *table) probe(hash uint64, visit func(i int, p page) bool) {
	start := int(hash % uint64(t.pages))
	for n := range t.pages {
		i := (start + n) % t.pages
		p := t.page(i)
		if visit(i, p) || !p.overflowed() {
			return
		}
	}
}

// each calls visit for the records that may have that hash, until visit returns
// true.
func (t *table) each(hash uint64, visit func(record []byte) bool) {
	t.probe(hash, func(_ int, p page) bool {
		for i := range p.count() {
			if visit(p.record(i, t.size)) {
				return true
			}
		}
		return false
	})
}

// insert adds a record. There is room: a table grows before it is full.
func (t *table) insert(hash uint64, record []byte) {
	t.count++
	t.probe(hash, func(i int, p page) bool {
		t.dirty[i] = true
		return p.insert(record)
	})
}

// update calls change for the records that may have that hash, until change
// returns that it changed one, or that it shall be removed.
func (t *table) update(hash uint64, change func(record []byte) verdict) bool {
	done := false
	t.probe(hash, func(i int, p page) bool {
		for slot := range p.count() {
			switch change(p.record(slot, t.size)) {
			case other:
				continue
			case removed:
				p.remove(slot, t.size)
				t.count--
			}
			t.dirty[i] = true
			done = true
			return true
		}
		return false
	})
	return done
}

// verdict is what update shall do with a record.
type verdict int

const (
	other   verdict = iota // go on with the next one
	changed                // keep it
	removed                // remove it
)

// all calls visit for all records.
func (t *table) all(visit func(record []byte)) {
	for i := range t.pages {
		p := t.page(i)
		for slot := range p.count() {
			visit(p.record(slot, t.size))
		}
	}
}

// write writes the pages that differ from those in the file, or all of them.
func (t *table) write(file io.WriterAt, all bool) error {
	for i := range t.pages {
		if !all && !t.dirty[i] {
			continue
		}
		p := t.page(i)
		p.seal()
		if _, err := file.WriteAt(p, t.first+int64(i)*pageSize); err != nil {
			return err
		}
	}
	return nil
}
