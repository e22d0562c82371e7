package layer

import "fmt"

// setXattrs fails if list is not empty: FreeBSD has no attributes with Linux names.
func setXattrs(_ place, _ int, list map[string]string, _ bool) error {
	for name := range list {
		return fmt.Errorf("extended attribute %s: FreeBSD does not support this namespace", name)
	}
	return nil
}

func listXattrs(string) ([]string, error) { return nil, nil }

func getXattr(_, name string) (string, error) {
	return "", fmt.Errorf("extended attribute %s: FreeBSD does not support this namespace", name)
}
