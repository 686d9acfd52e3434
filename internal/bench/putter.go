package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/client"
	"sluice/internal/hash"
)

// putSmall puts one small file after another: content, then name, each durable before the next.
func putSmall(j job, _ func(string)) (answer, error) {
	ctx := context.Background()
	remote, err := client.Dial(ctx, client.Options{
		Address: "sluice+plain://" + j.Address, Token: j.Token, Agent: "bench", Connections: 1, Congestion: j.Congestion,
	})
	if err != nil {
		return answer{}, err
	}
	defer remote.Close()
	made, err := commitAll(ctx, remote, []client.Change{folderChange(remote.Hello().Root, fmt.Sprint("put-by-", os.Getpid()))})
	if err != nil {
		return answer{}, err
	}
	return again(j, func(i int, b []byte) error {
		content := client.Sum(b)
		failed, err := remote.PutObjects(ctx, []client.Object{{Hash: content, Size: smallSize}}, [][]byte{b})
		if err == nil && len(failed) > 0 {
			err = fmt.Errorf("a content was not taken: %s", failed[0].Message)
		}
		if err != nil {
			return err
		}
		_, err = commitAll(ctx, remote, []client.Change{{
			Op: client.OpPut, Parent: client.Place{Node: made[0]}, Name: fileName(i), Kind: client.KindFile,
			Hash: content, Size: smallSize, Mode: 0o644, Expect: client.ExpectAny,
		}})
		return err
	})
}

// rename moves the folder that holds all names to another name and back, each durable before the next.
func rename(j job, _ func(string)) (answer, error) {
	ctx := context.Background()
	remote, err := client.Dial(ctx, client.Options{
		Address: "sluice+plain://" + j.Address, Token: j.Token, Agent: "bench", Connections: 1, Congestion: j.Congestion,
	})
	if err != nil {
		return answer{}, err
	}
	defer remote.Close()
	found, err := remote.Stat(ctx, 0, []string{topName})
	if err != nil || len(found.Entries) != 2 {
		return answer{}, errors.Join(err, errors.New("there is no folder "+topName))
	}
	move := func(to string) error {
		_, err := commitAll(ctx, remote, []client.Change{{
			Op: client.OpMove, Node: found.Entries[1].Node, Parent: client.Place{Node: found.Entries[0].Node}, Name: to,
			ExpectNode: client.ExpectAny, Expect: client.ExpectAny,
		}})
		return err
	}
	a, err := again(j, func(i int, _ []byte) error {
		if i%2 == 0 {
			return move(topName + "-moved")
		}
		return move(topName)
	})
	return a, errors.Join(err, move(topName))
}

// floorPut is the same to the tree floor, which keeps no names: one write, one sync.
func floorPut(j job, _ func(string)) (answer, error) {
	fd, err := dial(j.Address, j.Congestion)
	if err != nil {
		return answer{}, err
	}
	defer unix.Close(fd)
	return again(j, func(_ int, b []byte) error {
		sum := hash.Sum(b)
		batch := binary.LittleEndian.AppendUint32(nil, 1)
		batch = binary.LittleEndian.AppendUint32(batch, smallSize)
		batch = binary.LittleEndian.AppendUint32(batch, smallSize)
		batch = append(append(batch, sum[:]...), b...)
		if err := writeAll(fd, batch); err != nil {
			return err
		}
		return readAll(fd, make([]byte, 1))
	})
}

// again calls put with new bytes until the time of the job is over.
func again(j job, put func(i int, b []byte) error) (answer, error) {
	server, cpu, start := treeCPU(j.Server), ownCPU(), time.Now()
	b := make([]byte, smallSize)
	var count int64
	for count == 0 || time.Since(start) < j.Duration {
		rand.Read(b)
		if err := put(int(count), b); err != nil {
			return answer{}, err
		}
		count++
	}
	return answer{Units: count, Wall: time.Since(start), Server: treeCPU(j.Server) - server, Client: ownCPU() - cpu}, nil
}
