package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"moed/daemon/api"
	"moed/daemon/web"
)

// refuse answers with an error in the dialect of the path.
func refuse(w http.ResponseWriter, r *http.Request, status int, kind, code, message string) {
	fields := api.ErrorFields{Message: message, Type: kind}
	if code != "" {
		fields.Code = code
	}
	var body any = api.ErrorBody{Error: fields}
	switch path := r.URL.Path; {
	case path == "/" || strings.HasPrefix(path, "/api/"):
		body = map[string]string{"error": message}
	case path == "/v1/messages" || strings.HasPrefix(path, "/v1/messages/"):
		body = struct {
			Type string `json:"type"`
			api.ErrorBody
		}{"error", api.ErrorBody{Error: fields}}
	}
	web.Answer(w, status, body)
}

// fail answers with what went wrong in a native handler.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	status, after := web.Status(err)
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	refuse(w, r, status, errorType(status), "", err.Error())
}

func errorType(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "not_found_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status == http.StatusServiceUnavailable:
		return "unavailable_error"
	case status < 500:
		return "invalid_request_error"
	}
	return "server_error"
}

// reply answers with v.
func reply(w http.ResponseWriter, v any) { web.Answer(w, http.StatusOK, v) }
