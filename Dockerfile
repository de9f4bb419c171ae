# Built on Debian, run without a shell: docker build --tag watershed:0.1.0 .
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY LICENSE ./
USER 65532:65532
EXPOSE 8443 9095
ENTRYPOINT ["/nodejs/bin/node", "/app/bin/watershed.js"]
CMD ["serve"]
