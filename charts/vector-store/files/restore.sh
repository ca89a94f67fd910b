# Puts a backup into empty databases and claims. Overwrites nothing; a database that already came from this backup is left alone.
set -eu
export PGPASSWORD="$(cat "$DATABASE_SECRET/superuser-password")"
cd "$BACKUP_FOLDER"
if [ "$BACKUP_FROM" = latest ]; then
  BACKUP_FROM="$(ls -d 20* 2>/dev/null | sort | tail -n 1)"
fi
if [ -z "$BACKUP_FROM" ] || [ ! -f "$BACKUP_FROM/SHA256SUMS" ]; then
  echo "There is no complete backup ${BACKUP_FROM:-at all} in the claim; it has: $(ls -m)" >&2
  exit 1
fi
cd "$BACKUP_FROM"
sha256sum --check --quiet --strict SHA256SUMS
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" --command="$2"; }
mark="restored from $BACKUP_FROM"

for dump in *.dump; do
  database="${dump%.dump}"
  if [ "$(ask "$database" "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()")" = "$mark" ]; then
    echo "$database: $mark before"
    continue
  fi
  if [ "$(ask "$database" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" != 0 ]; then
    echo "The database $database is not empty: nothing is overwritten. Restore into a new namespace, or take restore.from away." >&2
    exit 1
  fi
  pg_restore --exit-on-error --single-transaction --dbname="$database" "$dump"
  ask "$database" "COMMENT ON DATABASE \"$database\" IS '$mark'"
  ask "$database" "ANALYZE"
  echo "$database: $mark"
done
for archive in *.tar; do
  [ -f "$archive" ] || continue
  claim="$CLAIMS_FOLDER/${archive%.tar}"
  if [ ! -d "$claim" ]; then
    echo "The backup has $archive and backup.claims names no claim ${archive%.tar}: name it." >&2
    exit 1
  fi
  # Bytes are named by their content's identity and never change: what is there already is the same.
  tar --extract --skip-old-files --no-same-owner --no-same-permissions --touch --file="$archive" --directory="$claim"
  echo "${archive%.tar}: $mark"
done
