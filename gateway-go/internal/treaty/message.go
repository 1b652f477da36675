package treaty

import (
	"errors"

	"darkroom/gateway/internal/job"

	jsonv2 "github.com/go-json-experiment/json"
)

// ErrLater means that the message is of a version that only a newer gateway knows. Its head can be trusted in every version.
var ErrLater = errors.New("a later version")

// Message reads an AMQP body. With ErrLater it answers the fields that every version has: id, owner, model, created_at and deadline.
func (d *Decoder) Message(body []byte) (job.Message, error) {
	var head struct {
		Version   int    `json:"version"`
		ID        string `json:"id"`
		Owner     string `json:"owner"`
		Model     string `json:"model"`
		CreatedAt int64  `json:"created_at"`
		Deadline  int64  `json:"deadline"`
	}
	if err := jsonv2.Unmarshal(body, &head); err != nil {
		return job.Message{}, err
	}
	if head.Version > job.MessageVersion {
		return job.Message{Version: head.Version, ID: head.ID, Owner: head.Owner, Model: head.Model, CreatedAt: head.CreatedAt, Deadline: head.Deadline}, ErrLater
	}
	var m job.Message
	if err := decode(d.message, body, &m); err != nil {
		return job.Message{}, err
	}
	return m, nil
}
