package iptables

import (
	"encoding/binary"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// unknown is in every rule that has something for which there is no word here. So it
// is like no rule of this package, but has all that could be read.
const unknown = "?"

// decoder turns a rule of nftables into words of iptables(8). It knows what the
// nf_tables variant of iptables makes, of every release, and what becomes of that
// when nft(8) writes it and reads it back: steps of nftables in the place of matches
// and targets of iptables. Whatever else there is in a table is foreign, and unknown.
type decoder struct {
	family Family
	// elements returns those of an anonymous set.
	elements  func(set string) ([]nft.Element, error)
	registers map[uint32]operand
	rule      Rule
	err       error
}

// operand is what a register holds.
type operand struct {
	// what says where it comes from.
	what source
	// data is a constant.
	data []byte
	// length is that of the field it was loaded from, in bytes.
	length int
	// mask and xor are what was done to it.
	mask, xor []byte
}

// source is a part of a packet, or of what the kernel knows about it.
type source int

const (
	other source = iota
	constant
	sourceAddress
	destinationAddress
	protocol
	destinationPort
	inputInterface
	outputInterface
	packetMark
	destinationType
	trackingState
	trackingStatus
)

func (d *decoder) decode(r nft.FoundRule) (Rule, error) {
	d.registers = map[uint32]operand{}
	if r.Comment != "" {
		d.add(Comment(r.Comment)...)
	}
	for e := range r.Exprs() {
		d.step(e)
	}
	return d.rule, d.err
}

func (d *decoder) add(words ...string) { d.rule = append(d.rule, words...) }

// addMatch adds an option, which may be negated.
func (d *decoder) addMatch(negated bool, words ...string) {
	if negated {
		d.add("!")
	}
	d.add(words...)
}

func (d *decoder) step(e nft.FoundExpr) {
	switch e.Name {
	case "counter":
	case "payload":
		d.load(e, unix.NFTA_PAYLOAD_DREG, operand{what: d.field(e), length: int(e.Number(unix.NFTA_PAYLOAD_LEN))})
	case "meta":
		d.meta(e)
	case "fib":
		d.load(e, unix.NFTA_FIB_DREG, operand{what: fibSource(e)})
	case "ct":
		sources := map[uint32]source{unix.NFT_CT_STATE: trackingState, unix.NFT_CT_STATUS: trackingStatus}
		d.load(e, unix.NFTA_CT_DREG, operand{what: sources[e.Number(unix.NFTA_CT_KEY)]})
	case "bitwise":
		d.bitwise(e)
	case "cmp":
		d.compare(d.registers[e.Number(unix.NFTA_CMP_SREG)], e.Number(unix.NFTA_CMP_OP), e.Data(unix.NFTA_CMP_DATA, unix.NFTA_DATA_VALUE))
	case "range":
		d.between(e)
	case "lookup":
		d.lookUp(e)
	case "immediate":
		d.immediate(e)
	case "masq":
		d.add("-j", "MASQUERADE")
		if e.Number(unix.NFTA_MASQ_FLAGS)&rangeRandomFully != 0 {
			d.add("--random-fully")
		}
	case "nat":
		d.translate(e)
	case "match":
		d.match(e.Text(unix.NFTA_MATCH_NAME), e.Number(unix.NFTA_MATCH_REV), e.Data(unix.NFTA_MATCH_INFO))
	case "target":
		d.target(e.Text(unix.NFTA_TARGET_NAME), e.Number(unix.NFTA_TARGET_REV), e.Data(unix.NFTA_TARGET_INFO))
	default:
		d.add(unknown)
	}
}

func (d *decoder) load(e nft.FoundExpr, register uint16, o operand) {
	d.registers[e.Number(register)] = o
}

// field says which field of a packet's headers is loaded.
func (d *decoder) field(e nft.FoundExpr) source {
	ip := net.IPv4zero
	if d.family == IPv6 {
		ip = net.IPv6zero
	}
	base, offset := e.Number(unix.NFTA_PAYLOAD_BASE), e.Number(unix.NFTA_PAYLOAD_OFFSET)
	switch {
	case base == unix.NFT_PAYLOAD_NETWORK_HEADER && offset == nft.Source(ip).Offset:
		return sourceAddress
	case base == unix.NFT_PAYLOAD_NETWORK_HEADER && offset == nft.Destination(ip).Offset:
		return destinationAddress
	case base == unix.NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && e.Number(unix.NFTA_PAYLOAD_LEN) == 2:
		return destinationPort
	}
	return other
}

func (d *decoder) meta(e nft.FoundExpr) {
	if register := e.Number(unix.NFTA_META_SREG); register != 0 {
		d.setMeta(e.Number(unix.NFTA_META_KEY), d.registers[register])
		return
	}
	sources := map[uint32]source{
		unix.NFT_META_L4PROTO: protocol,
		unix.NFT_META_IIFNAME: inputInterface,
		unix.NFT_META_OIFNAME: outputInterface,
		unix.NFT_META_MARK:    packetMark,
	}
	d.load(e, unix.NFTA_META_DREG, operand{what: sources[e.Number(unix.NFTA_META_KEY)]})
}

// setMeta is a change of the mark, which keeps the bits of the mask.
func (d *decoder) setMeta(key uint32, o operand) {
	if key != unix.NFT_META_MARK || o.what != packetMark || len(o.mask) != 4 || len(o.xor) != 4 {
		d.add(unknown)
		return
	}
	d.addMark(binary.NativeEndian.Uint32(o.xor), ^binary.NativeEndian.Uint32(o.mask))
}

func fibSource(e nft.FoundExpr) source {
	if e.Number(unix.NFTA_FIB_RESULT) == unix.NFT_FIB_RESULT_ADDRTYPE && e.Number(unix.NFTA_FIB_FLAGS) == unix.NFTA_FIB_F_DADDR {
		return destinationType
	}
	return other
}

func (d *decoder) bitwise(e nft.FoundExpr) {
	o := d.registers[e.Number(unix.NFTA_BITWISE_SREG)]
	o.mask, o.xor = e.Data(unix.NFTA_BITWISE_MASK, unix.NFTA_DATA_VALUE), e.Data(unix.NFTA_BITWISE_XOR, unix.NFTA_DATA_VALUE)
	d.load(e, unix.NFTA_BITWISE_DREG, o)
}

// compare is a step that goes on only if the operand compares so with the data.
func (d *decoder) compare(o operand, op uint32, data []byte) {
	negated := op == unix.NFT_CMP_NEQ
	switch {
	case o.what == destinationPort && o.mask == nil && len(data) == 2 && (op == unix.NFT_CMP_GTE || op == unix.NFT_CMP_LTE):
		d.bound(op, data)
	case op != unix.NFT_CMP_EQ && op != unix.NFT_CMP_NEQ:
		d.add(unknown)
	case o.what == sourceAddress:
		d.addAddress(negated, "-s", o, data)
	case o.what == destinationAddress:
		d.addAddress(negated, "-d", o, data)
	case o.what == inputInterface && o.mask == nil:
		d.addMatch(negated, "-i", interfaceName(data))
	case o.what == outputInterface && o.mask == nil:
		d.addMatch(negated, "-o", interfaceName(data))
	case o.what == protocol && o.mask == nil && len(data) == 1:
		d.addMatch(negated, "-p", protocolName(data[0]))
	case o.what == destinationPort && o.mask == nil && len(data) == 2:
		d.addMatch(negated, "--dport", port(data))
	case o.what == packetMark && len(data) == 4:
		d.addMatch(negated, "-m", "mark", "--mark", markText(o.mask, data))
	case o.what == destinationType && o.mask == nil && len(data) == 4:
		d.addType(negated, uint16(binary.NativeEndian.Uint32(data)))
	case o.what == trackingState && len(o.mask) == 4 && isZero(data):
		d.addStates(!negated, ofState(binary.NativeEndian.Uint32(o.mask)))
	case o.what == trackingStatus && len(o.mask) == 4 && isZero(data):
		d.addStates(!negated, ofStatus(binary.NativeEndian.Uint32(o.mask)))
	default:
		d.add(unknown)
	}
}

// bound is one end of a range of ports; the lower one comes first.
func (d *decoder) bound(op uint32, data []byte) {
	last := len(d.rule) - 1
	switch {
	case op == unix.NFT_CMP_GTE:
		d.add("--dport", port(data)+":65535")
	case last > 0 && d.rule[last-1] == "--dport" && strings.HasSuffix(d.rule[last], ":65535"):
		d.rule[last] = strings.TrimSuffix(d.rule[last], "65535") + port(data)
	default:
		d.add("--dport", "0:"+port(data))
	}
}

func (d *decoder) between(e nft.FoundExpr) {
	o := d.registers[e.Number(unix.NFTA_RANGE_SREG)]
	from, to := e.Data(unix.NFTA_RANGE_FROM_DATA, unix.NFTA_DATA_VALUE), e.Data(unix.NFTA_RANGE_TO_DATA, unix.NFTA_DATA_VALUE)
	if o.what != destinationPort || o.mask != nil || len(from) != 2 || len(to) != 2 {
		d.add(unknown)
		return
	}
	d.addMatch(e.Number(unix.NFTA_RANGE_OP) == unix.NFT_RANGE_NEQ, "--dport", port(from)+":"+port(to))
}

// lookUp is a step that goes on if the set has the operand. Anonymous sets are named
// like "__set0".
func (d *decoder) lookUp(e nft.FoundExpr) {
	set, flags := e.Text(unix.NFTA_LOOKUP_SET), e.Number(unix.NFTA_LOOKUP_FLAGS)
	if o := d.registers[e.Number(unix.NFTA_LOOKUP_SREG)]; o.what != destinationPort || !strings.HasPrefix(set, "__set") {
		d.add(unknown)
		return
	}
	elements, err := d.elements(set)
	if err != nil {
		d.err = err
	}
	d.addMatch(flags&unix.NFT_LOOKUP_F_INV != 0, "-m", "multiport", "--dports", portList(elements))
}

// immediate is a verdict, or a constant for a later step.
func (d *decoder) immediate(e nft.FoundExpr) {
	register := e.Number(unix.NFTA_IMMEDIATE_DREG)
	if register != unix.NFT_REG_VERDICT {
		d.registers[register] = operand{what: constant, data: e.Data(unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VALUE)}
		return
	}
	chain := e.Text(unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VERDICT, unix.NFTA_VERDICT_CHAIN)
	switch code := int32(e.Number(unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VERDICT, unix.NFTA_VERDICT_CODE)); code {
	case unix.NFT_JUMP:
		d.add("-j", chain)
	case unix.NFT_GOTO:
		d.add("-g", chain)
	case unix.NFT_RETURN:
		d.add("-j", "RETURN")
	case nfAccept:
		d.add("-j", "ACCEPT")
	case nfDrop:
		d.add("-j", "DROP")
	default:
		d.add("-j", unknown)
	}
}

// Verdicts (linux/netfilter.h).
const (
	nfDrop   = 0
	nfAccept = 1
)

// translate is a change of the destination. Everything else has a match or target of
// its own.
func (d *decoder) translate(e nft.FoundExpr) {
	constant := func(kind uint16) []byte { return d.registers[e.Number(kind)].data }
	ip, first, last := constant(unix.NFTA_NAT_REG_ADDR_MIN), constant(unix.NFTA_NAT_REG_PROTO_MIN), constant(unix.NFTA_NAT_REG_PROTO_MAX)
	if e.Number(unix.NFTA_NAT_TYPE) != unix.NFT_NAT_DNAT || ip == nil {
		d.add("-j", unknown)
		return
	}
	d.addDestination(ip, number(first), max(number(first), number(last)), 0)
}
