# Built on Debian, run without a shell, a package manager or root, on a read-only file system: docker build --tag watershed:0.1.0 .
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
# glibc gives back what is free above the first, and at once what is as large as the second (the buffers of watches that
# begin). Left alone it learns from large blocks to keep up to 64 MiB, and what a flood made it take stays taken.
ENV MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=65536
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY LICENSE ./
USER 65532:65532
EXPOSE 8443 9095
# Node's permission model: these folders may be read, nothing may be written, and there are no other
# processes, threads, add-ons or debuggers (docs/operations.md, "What the process may do"). What metrics
# read of /proc is named file by file: /proc/self/root is the whole file system.
# Objects are kept outside of the JavaScript heap: a small young generation stops the loop for less (docs/operations.md, "Processors").
ENTRYPOINT ["/nodejs/bin/node", \
  "--permission", \
  "--allow-fs-read=/app/*", \
  "--allow-fs-read=/etc/watershed/*", \
  "--allow-fs-read=/var/run/secrets/kubernetes.io/serviceaccount/*", \
  "--allow-fs-read=/proc/self/status", \
  "--allow-fs-read=/proc/self/limits", \
  "--allow-fs-read=/proc/self/fd", \
  "--max-semi-space-size=4", \
  "--initial-old-space-size=128", \
  "/app/bin/watershed.js"]
CMD ["serve"]
