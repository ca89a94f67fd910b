# Writes /backup/TIME: a dump of each database, an archive of each claim, and their checksums. Databases come first: a file that
# a dump knows is then in the archive, unless somebody deleted it meanwhile. It has its name only when it is complete.
set -eu
export PGPASSWORD="$(cat "$DATABASE_SECRET/superuser-password")"
umask 077
name="$(date -u +%Y-%m-%dT%H-%M-%SZ)"
unfinished="$BACKUP_FOLDER/.unfinished"
rm -rf "$unfinished"
mkdir -p "$unfinished"
cd "$unfinished"

psql --no-psqlrc --quiet --tuples-only --no-align --dbname=postgres --command \
  "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1" > databases
while read -r database; do
  pg_dump --format=custom --file="$database.dump" --dbname="$database"
done < databases
rm databases
for claim in "$CLAIMS_FOLDER"/*/; do
  [ -d "$claim" ] || continue
  # A file that changes or goes while it is read (exit code 1) is no fault: the ingestion worker is at work.
  tar --create --file="$(basename "$claim").tar" --exclude=./lost+found --directory="$claim" . || [ $? -eq 1 ]
done
sha256sum -- * > SHA256SUMS
cd "$BACKUP_FOLDER"
sync
mv "$unfinished" "$name"
echo "$name: $(du -sh "$name" | cut -f1)"
ls -d 20* | sort -r | tail -n "+$((BACKUP_KEEP + 1))" | while read -r old; do
  rm -rf "$old"
  echo "$old removed: $BACKUP_KEEP are kept"
done
