# For one platform: docker build -t tcpnetlock .
# For several:      docker buildx build --platform linux/amd64,linux/arm64 -t NAME --push .
# What is compiled is the same everywhere, so it is made where the builder is; only packages with machine code are the target's.
ARG BUILDPLATFORM
FROM --platform=${BUILDPLATFORM:-linux/amd64} node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY bin ./bin
COPY scripts/bundle.js ./scripts/
COPY src ./src
RUN npm run build && chmod 755 dist/cli/*.js && rm -r src scripts tsconfig*.json node_modules
# Docker's name of a processor is not npm's.
ARG TARGETARCH
RUN npm ci --omit=dev --os=linux --libc=glibc \
      --cpu="$(case "$TARGETARCH" in '') node -p process.arch ;; amd64) echo x64 ;; *) echo "$TARGETARCH" ;; esac)" \
  && npm cache clean --force
COPY deploy/docker/healthcheck.js ./deploy/docker/

FROM node:24-bookworm-slim
ARG VERSION
LABEL org.opencontainers.image.title="TcpNetLock" \
      org.opencontainers.image.description="A highly available lock server that you can drive with telnet" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
WORKDIR /app
COPY --from=build /app ./
# The programs by name, for `docker exec` too; and a data directory that a new volume takes its owner from. Group 0
# may write there: OpenShift runs containers as arbitrary users of that group.
RUN for program in tnl tnl-server tnl-client; do ln -s "/app/dist/cli/$program.js" "/usr/local/bin/$program"; done \
  && ln -s /app/bin/tnl-do /usr/local/bin/tnl-do \
  && install -d -o node -g 0 -m 0770 /data
ENV NODE_ENV=production \
    TNL_DATA_DIR=/data \
    TNL_LISTEN=0.0.0.0:7654 \
    TNL_HTTP=0.0.0.0:7656
# By number: where a policy wants a user that is not root, a name does not tell.
USER 1000
WORKDIR /data
VOLUME /data
EXPOSE 7654 7655 7656
# Whether it answers at all. A node without a quorum is healthy: it waits for the others.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "/app/deploy/docker/healthcheck.js"]
# No init: the server starts no processes, and answers SIGTERM and SIGINT itself.
ENTRYPOINT ["tnl-server"]
