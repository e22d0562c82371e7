package spec

// JailDefaults returns two permissions of freebsd.jail.allow from the bytes of
// a config.json, nil where it does not say: both are on by default in a jail
// (config-freebsd.md#jail), and a Spec does not tell false from nothing.
func JailDefaults(config []byte) (reservedPorts, suser *bool) {
	var c struct {
		FreeBSD struct {
			Jail struct {
				Allow struct {
					ReservedPorts *bool `json:"reservedPorts"`
					Suser         *bool `json:"suser"`
				} `json:"allow"`
			} `json:"jail"`
		} `json:"freebsd"`
	}
	decode(config, "", &c)
	return c.FreeBSD.Jail.Allow.ReservedPorts, c.FreeBSD.Jail.Allow.Suser
}
