#!/usr/bin/env bash
# One component of OpenMLDB in the foreground of a container of the image 4pdosc/openmldb.
#
#   run.sh zookeeper | tablet | nameserver | recover | apiserver | taskmanager
#
# OpenMLDB's own sbin/deploy.sh writes the configuration; this script adds where data lies (STATE, a volume) and starts the
# component as the container's process, so that `docker compose logs`, `restart` and health checks mean what they say.
#
#   ZK_CLUSTER     address of ZooKeeper, host:port
#   ZK_ROOT_PATH   OpenMLDB's root in ZooKeeper
#   OPENMLDB_HOME  where the image has OpenMLDB
#   STATE          the folder that survives the container
set -euo pipefail

component=${1:?which component? zookeeper, tablet, nameserver, recover, apiserver or taskmanager}
home=${OPENMLDB_HOME:-/work/openmldb}
state=${STATE:-/var/lib/openmldb}
zk_cluster=${ZK_CLUSTER:-openmldb:2181}
zk_root_path=${ZK_ROOT_PATH:-/openmldb}
host=$(hostname)

cd "$home"
mkdir -p "$state"

# configure COMPONENT PORT-VARIABLE PORT: write conf/COMPONENT.* from its template. The host name, not an address, goes
# into ZooKeeper: it stays right when a container gets another address.
configure() {
    env OPENMLDB_HOST="$host" "$2=$3" OPENMLDB_ZK_CLUSTER="$zk_cluster" OPENMLDB_ZK_ROOT_PATH="$zk_root_path" \
        SPARK_HOME="${SPARK_HOME:-$home/spark}" bash sbin/deploy.sh "$1"
}

# setting FILE KEY VALUE: one value, whatever the template says.
setting() {
    sed -i "s|^$2=|# &|" "$1"
    echo "$2=$3" >>"$1"
}

serve() {
    mkdir -p logs udf
    export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}:$home/udf"
    exec ./bin/openmldb --flagfile="conf/$1.flags" --enable_status_service=true
}

case $component in
zookeeper)
    cat >zookeeper/conf/zoo.cfg <<CONFIG
tickTime=2000
dataDir=$state
clientPort=${zk_cluster##*:}
maxClientCnxns=0
autopurge.snapRetainCount=3
autopurge.purgeInterval=24
CONFIG
    export ZOO_LOG4J_PROP=INFO,CONSOLE
    exec zookeeper/bin/zkServer.sh start-foreground
    ;;
tablet)
    configure tablet OPENMLDB_TABLET_PORT 10921
    for folder in db recycle db_hdd recycle_hdd; do mkdir -p "$state/$folder"; done
    setting conf/tablet.flags --db_root_path "$state/db"
    setting conf/tablet.flags --recycle_bin_root_path "$state/recycle"
    setting conf/tablet.flags --hdd_root_path "$state/db_hdd"
    setting conf/tablet.flags --recycle_bin_hdd_root_path "$state/recycle_hdd"
    serve tablet
    ;;
nameserver)
    configure nameserver OPENMLDB_NAMESERVER_PORT 7527
    serve nameserver
    ;;
recover)
    # After a restart of all tablets at once, tables come back when they are told to; OpenMLDB's own start-all.sh does the
    # same, and goes on as it does here when there is nothing to recover.
    if ! python3 tools/openmldb_ops.py --openmldb_bin_path=./bin/openmldb --zk_cluster="$zk_cluster" \
        --zk_root_path="$zk_root_path" --cmd=recoverdata; then
        echo "recovering data failed (the lines above say why); tables of earlier runs may not be readable" >&2
    fi
    ;;
apiserver)
    configure apiserver OPENMLDB_APISERVER_PORT 9080
    serve apiserver
    ;;
taskmanager)
    configure taskmanager OPENMLDB_TASKMANAGER_PORT 9902
    mkdir -p "$state/offline_storage" "$state/job_logs"
    setting conf/taskmanager.properties offline.data.prefix "file://$state/offline_storage/"
    setting conf/taskmanager.properties job.log.path "$state/job_logs/"
    cp conf/taskmanager.properties taskmanager/conf/taskmanager.properties
    cd taskmanager/bin
    exec sh ./taskmanager.sh
    ;;
*)
    echo "run.sh: no component $component; there are zookeeper, tablet, nameserver, recover, apiserver, taskmanager" >&2
    exit 2
    ;;
esac
