package broker

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// laneCount is how many publishes may await their confirm at once.
const laneCount = 16

// lane is a confirming channel that carries one publish at a time: only then does a return belong to the confirm that follows it.
type lane struct {
	ch      *amqp.Channel
	returns chan amqp.Return
}

// lanes are the free channels of one connection.
type lanes struct {
	conn  *amqp.Connection
	free  chan *lane
	alarm *alarm
}

func openLanes(conn *amqp.Connection) (*lanes, error) {
	l := &lanes{conn: conn, free: make(chan *lane, laneCount), alarm: newAlarm(conn)}
	for range laneCount {
		opened, err := openLane(conn)
		if err != nil {
			return nil, err
		}
		l.free <- opened
	}
	return l, nil
}

func openLane(conn *amqp.Connection) (*lane, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	return &lane{ch, ch.NotifyReturn(make(chan amqp.Return, 1))}, nil
}

// take waits for a free lane until ctx ends or the broker blocks; nil then.
func (l *lanes) take(ctx context.Context) *lane {
	select {
	case free := <-l.free:
		return free
	case <-ctx.Done():
	case <-l.alarm.signal():
	}
	return nil
}

// replace puts a fresh lane in the place of one with an unresolved publish. Both the close and the open wait for as long as the broker is silent.
func (l *lanes) replace(spent *lane) {
	go func() {
		_ = spent.ch.Close() // closed already, or its connection is: both are what is wanted
		if fresh, err := openLane(l.conn); err == nil {
			l.free <- fresh
		} // else the connection is gone, and all its lanes with it
	}()
}

// alarm tells whether the broker has blocked this connection. It says so only after a first publish under the alarm.
type alarm struct {
	mu      sync.Mutex
	blocked chan struct{} // closed while blocked
}

func newAlarm(conn *amqp.Connection) *alarm {
	a := &alarm{blocked: make(chan struct{})}
	changes := conn.NotifyBlocked(make(chan amqp.Blocking, 4))
	go func() {
		for change := range changes {
			a.set(change.Active)
		}
	}()
	return a
}

func (a *alarm) set(active bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.blocked:
		if !active {
			a.blocked = make(chan struct{})
		}
	default:
		if active {
			close(a.blocked)
		}
	}
}

// signal is closed while the connection is blocked.
func (a *alarm) signal() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.blocked
}

func (a *alarm) raised() bool {
	select {
	case <-a.signal():
		return true
	default:
		return false
	}
}
