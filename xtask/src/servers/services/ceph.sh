# Makes and runs the smallest Ceph that serves S3, in the foreground: folder, port, the monitor's port, access key, secret.
set -e
folder=$1 port=$2 monitor=$3 access_key=$4 secret_key=$5
rm -rf "$folder"
mkdir -p "$folder/mon" "$folder/osd.0/journal" "$folder/rgw"
cd "$folder"
fsid=00000000-0000-4000-8000-000000000000 osd=00000000-0000-4000-8000-000000000001
cat > ceph.conf <<END
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$monitor
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon warn on pool no redundancy = false
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail warn = 2
mon data avail crit = 1
run dir = $folder
pid file = $folder/\$name.pid
log file = $folder/\$name.log
admin socket = $folder/\$name.asok
crash dir = $folder
[mon.a]
mon data = $folder/mon
[osd]
osd objectstore = memstore
memstore device bytes = 4294967296
osd data = $folder/osd.0
osd journal = $folder/osd.0/journal
osd class dir = /usr/lib/x86_64-linux-gnu/rados-classes
osd class load list = *
osd class default list = *
[client.rgw]
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw dns name = localhost
# What is deleted leaves the memory soon, and not after hours.
rgw gc obj min wait = 20
rgw gc processor period = 20
rgw gc processor max time = 20
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = k1=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
END
monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor]" monmap > /dev/null
ceph-mon -c ceph.conf --mkfs -i a --monmap monmap
ceph-mon -c ceph.conf -i a -f &
timeout 60 ceph -c ceph.conf osd new "$osd" > /dev/null
ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid "$osd"
ceph-osd -c ceph.conf -i 0 -f &
timeout 60 radosgw-admin -c ceph.conf -n client.rgw user create --uid=u --display-name=u \
    --access-key="$access_key" --secret-key="$secret_key" > /dev/null
exec radosgw -c ceph.conf -n client.rgw -f
