# The PostgreSQL provider takes what it is not told here from the variables of libpq (PGHOST, PGPORT, PGUSER, PGPASSFILE),
# which `curfew exec` and `curfew run` set for the one command that they run.
terraform {
  required_providers {
    postgresql = {
      source  = "cyrilgdn/postgresql"
      version = "~> 1.25"
    }
  }
}

provider "postgresql" {
  # The role that Curfew makes is no superuser.
  superuser = false
}

resource "postgresql_schema" "audit" {
  name = "audit"
}
