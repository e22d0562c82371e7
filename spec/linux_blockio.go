package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// blockIO checks config-linux.md#block-io. The range of the weights comes from the kernel: 10 to
// 1000 for cgroup v1, 1 to 1000 for BFQ on cgroup v2. 0 means unset.
func (c *checker) blockIO(b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	const path = "linux.resources.blockIO"
	weight := func(path string, w *uint16) {
		if n := value(w); n > 1000 {
			c.errorf(path, "must be from 10 to 1000, not %d", n)
		} else if n > 0 && n < 10 {
			c.warnf(path, "should be from 10 to 1000, not %d", n)
		}
	}
	weight(path+".weight", b.Weight)
	weight(path+".leafWeight", b.LeafWeight)
	for i, d := range b.WeightDevice {
		p := at(path+".weightDevice", i)
		c.blockDevice(p, d.LinuxBlockIODevice)
		if d.Weight == nil && d.LeafWeight == nil {
			c.errorf(p, "must have weight or leafWeight")
		}
		weight(p+".weight", d.Weight)
		weight(p+".leafWeight", d.LeafWeight)
	}
	for _, t := range []struct {
		name string
		list []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice}, {"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice}, {"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i, d := range t.list {
			c.blockDevice(at(path+"."+t.name, i), d.LinuxBlockIODevice)
		}
	}
}

func (c *checker) blockDevice(path string, d specs.LinuxBlockIODevice) {
	if d.Major < 0 || d.Major > maxMajor || d.Minor < 0 || d.Minor > maxMinor {
		c.errorf(path, "major must be from 0 to %d and minor from 0 to %d, not %d and %d", maxMajor, maxMinor, d.Major, d.Minor)
	}
}
