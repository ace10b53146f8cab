# In place of the images postgres and redis, of which these have what deployments/compose.yaml uses: the variables and the
# volume of hub.docker.com/_/postgres, and commands as hub.docker.com/_/redis takes them.
ARG BASE
FROM ${BASE} AS redis
RUN apt-get update && apt-get install --yes --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
RUN install --directory --owner redis --group redis /data
WORKDIR /data
USER redis

FROM ${BASE} AS postgres
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/*
RUN install --directory --owner postgres --group postgres --mode 700 /var/lib/postgresql/data
COPY start_postgres.sh /usr/local/bin/start_postgres.sh
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/usr/local/bin/start_postgres.sh"]
