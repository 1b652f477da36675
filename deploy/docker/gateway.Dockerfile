# The gateway: one static binary with page, contract and scripts inside. Built from the repository's root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code.
COPY contract/go.mod contract/
COPY web/go.mod web/
COPY gateway-go/go.mod gateway-go/go.sum gateway-go/
RUN cd gateway-go && go mod download
COPY contract contract
COPY web web
COPY gateway-go gateway-go
RUN cd gateway-go && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /darkroom-gateway .

FROM busybox:1.37-musl AS busybox

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /darkroom-gateway /darkroom-gateway
# The image has no shell and nothing else that could ask for its health.
COPY --from=busybox /bin/busybox /wget
COPY deploy/models.yaml /etc/darkroom/models.yaml
ENV GATEWAY_ADDR=0.0.0.0:8080 GATEWAY_ADMIN_ADDR=0.0.0.0:8081 MODELS_FILE=/etc/darkroom/models.yaml
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/readyz"]
ENTRYPOINT ["/darkroom-gateway"]
