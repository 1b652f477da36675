package broker

import (
	"encoding/json"
	"fmt"
	"strings"

	"darkroom/contract"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Topology is contract/topology.json: the exchanges and queues that both sides declare, and their arguments.
type Topology struct {
	Exchanges      []exchange     `json:"exchanges"`
	WorkQueue      queue          `json:"work_queue"`
	DelayQueues    []queue        `json:"delay_queues"`
	DelayArguments map[string]any `json:"delay_arguments"`
	DeadQueue      queue          `json:"dead_queue"`
	MessageType    string         `json:"message_type"`
	models         []string
}

type exchange struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type queue struct {
	Name       string         `json:"name"`
	Exchange   string         `json:"exchange"`
	RoutingKey string         `json:"routing_key"`
	DelayMS    int64          `json:"delay_ms"`
	Arguments  map[string]any `json:"arguments"`
}

// ReadTopology reads the contract's topology for these models.
func ReadTopology(models []string) (Topology, error) {
	text, err := contract.Files.ReadFile("topology.json")
	if err != nil {
		return Topology{}, err
	}
	t := Topology{models: models}
	if err := json.Unmarshal(text, &t); err != nil {
		return Topology{}, fmt.Errorf("topology.json: %w", err)
	}
	return t, nil
}

func (t Topology) workQueue(model string) string {
	return strings.ReplaceAll(t.WorkQueue.Name, "{model}", model)
}

// declare makes everything that is not there. It is safe to repeat.
func (t Topology) declare(ch *amqp.Channel) error {
	for _, e := range t.Exchanges {
		if err := ch.ExchangeDeclare(e.Name, e.Type, true, false, false, false, nil); err != nil {
			return fmt.Errorf("declare exchange %s: %w", e.Name, err)
		}
	}
	for _, model := range t.models {
		q := t.WorkQueue
		q.Name, q.RoutingKey = t.workQueue(model), model
		if err := declareQueue(ch, q, q.Arguments); err != nil {
			return err
		}
	}
	for _, q := range t.DelayQueues {
		if err := declareQueue(ch, q, t.DelayArguments); err != nil {
			return err
		}
	}
	return declareQueue(ch, t.DeadQueue, t.DeadQueue.Arguments)
}

func declareQueue(ch *amqp.Channel, q queue, arguments map[string]any) error {
	if _, err := ch.QueueDeclare(q.Name, true, false, false, false, table(arguments, q.DelayMS)); err != nil {
		return fmt.Errorf("declare queue %s: %w", q.Name, err)
	}
	if err := ch.QueueBind(q.Name, q.RoutingKey, q.Exchange, false, nil); err != nil {
		return fmt.Errorf("bind queue %s: %w", q.Name, err)
	}
	return nil
}

// table gives the arguments their AMQP types: JSON knows only one kind of number.
func table(arguments map[string]any, delayMS int64) amqp.Table {
	typed := amqp.Table{}
	for name, value := range arguments {
		switch value := value.(type) {
		case float64:
			typed[name] = int64(value)
		default:
			typed[name] = value
		}
		if value == "{delay_ms}" {
			typed[name] = delayMS
		}
	}
	return typed
}
