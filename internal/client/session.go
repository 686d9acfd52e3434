package client

import (
	"context"

	"sluice/internal/proto"
)

// Ping asks for nothing but an answer.
func (r *Remote) Ping(ctx context.Context) error {
	_, err := r.do(ctx, newCall(proto.TypePing, &proto.Ping{}))
	return err
}

// Login gives a device token for a password. The Remote uses it from now on, also for new connections.
func (r *Remote) Login(ctx context.Context, user, password, device string) (*LoginReply, error) {
	if len(password) > proto.MaxPassword {
		return nil, usage("a password has at most %d bytes", proto.MaxPassword)
	}
	if err := proto.CheckName(user); err != nil {
		return nil, usage("%q cannot be an account name", user)
	}
	if err := proto.CheckName(device); err != nil {
		return nil, usage("%q cannot be a device name", device)
	}
	got, err := r.do(ctx, newCall(proto.TypeLogin, &proto.Login{User: user, Password: password, Device: device}))
	if err != nil {
		return nil, err
	}
	answer := got.header.(*proto.LoginReply)
	r.mu.Lock()
	r.token = answer.Token
	r.mu.Unlock()
	r.pool.retire() // they said hello as nobody
	return answer, r.retry(ctx, r.opt.Retries, r.greet)
}

// Revoke ends a device's token; 0: this device's own.
func (r *Remote) Revoke(ctx context.Context, device int64) error {
	_, err := r.do(ctx, newCall(proto.TypeDeviceRevoke, &proto.DeviceRevoke{Key: NewKey(), Device: device}))
	return err
}

// Quota tells how much of this account's space is used.
func (r *Remote) Quota(ctx context.Context) (*QuotaReply, error) {
	got, err := r.do(ctx, newCall(proto.TypeQuota, &proto.Quota{}))
	if err != nil {
		return nil, err
	}
	return got.header.(*proto.QuotaReply), nil
}
