# The gateway: one static binary with page, contract and scripts inside. Built from the repository's root.
FROM golang:1.26-bookworm AS build
WORKDIR /src/gateway-go
# Modules first: they change less often than the code.
COPY contract/go.mod ../contract/
COPY web/go.mod ../web/
COPY gateway-go/go.mod gateway-go/go.sum ./
RUN go mod download
COPY contract ../contract
COPY web ../web
COPY gateway-go ./
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /darkroom-gateway .

# Certificates and a user, and nothing that could be run.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /darkroom-gateway /darkroom-gateway
COPY deploy/models.yaml /etc/darkroom/models.yaml
USER 65532:65532
ENV GATEWAY_ADDR=0.0.0.0:8080 GATEWAY_ADMIN_ADDR=0.0.0.0:8081 MODELS_FILE=/etc/darkroom/models.yaml
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=6s --start-period=60s CMD ["/darkroom-gateway", "health"]
ENTRYPOINT ["/darkroom-gateway"]
