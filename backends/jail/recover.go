package jail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// copyFile is a second copy of the record. If the record is damaged, nothing else tells what was
// created around a jail.
const copyFile = "copy.json"

var _ backends.Recoverer = (*Backend)(nil)

// writeCopy writes the copy atomically.
func writeCopy(c *backends.Container) error {
	if err := record.Save(filepath.Join(c.Dir, copyFile), c); err != nil {
		return fmt.Errorf("save a copy of the record of container %q: %w", c.ID, err)
	}
	return nil
}

// Recover removes everything that the copy of the record names. done says what it did. Recover does
// nothing if there is no copy, and removes nothing if the copy is damaged too.
func (b *Backend) Recover(ctx context.Context, c *backends.Container) (done []string, err error) {
	file := filepath.Join(c.Dir, copyFile)
	copied := &backends.Container{}
	err = record.Load(file, copied)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && copied.ID != c.ID {
		err = record.Damaged("%s is the record of container %.100q", file, copied.ID)
	}
	if err == nil {
		copied.Root, copied.Dir, copied.Lock = c.Root, c.Dir, c.Lock
		err = b.CheckRecord(copied)
	}
	var d *Data
	if err == nil {
		d, err = data(copied)
	}
	if errors.Is(err, record.ErrDamaged) {
		return []string{"found that the copy of the record is damaged too, so its jail is not known"}, nil
	}
	if err != nil {
		return nil, err
	}
	if d.Jail == "" {
		return nil, nil
	}
	if err := b.locked(c).destroy(ctx, copied, d); err != nil {
		return nil, fmt.Errorf("remove jail %s: %w", d.Jail, err)
	}
	return []string{"removed what was left of jail " + d.Jail}, nil
}
