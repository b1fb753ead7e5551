FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY bin ./bin
COPY scripts/bundle.js ./scripts/
COPY src ./src
RUN npm run build && npm prune --omit=dev && chmod 755 dist/cli/*.js && rm -r src scripts tsconfig*.json

FROM node:24-bookworm-slim
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
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7656/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tnl-server"]
