# What R says of data that it ships, for test_r.py. Run: Rscript tests/r.R > tests/r.json
# with the packages cluster, fpc and mclust.
suppressMessages({library(cluster); library(fpc); library(mclust)})

list_of <- function(v) paste0("[", paste(sprintf("%.6g", v), collapse = ","), "]")

says <- function(name, frame, k) {
  x <- as.matrix(frame)
  x <- scale(x) * sqrt(nrow(x) / (nrow(x) - 1))
  set.seed(1)
  best <- kmeans(x, k, nstart = 50)
  other <- kmeans(x, k + 1, nstart = 50)
  boot <- clusterboot(x, B = 200, clustermethod = kmeansCBI, k = k, runs = 10, seed = 1,
                      count = FALSE)
  strength <- prediction.strength(x, k, k, M = 100, clustermethod = kmeansCBI, runs = 10)
  mixture <- Mclust(x, G = k, modelNames = c("EII", "VII", "VVI", "EEE", "VVV"), verbose = FALSE)
  sprintf(paste0('"%s-%d": {"withinss": %.10f, "rand": %.10f, "strength": %.6f, "bic": %.6f, ',
                 '"loglik": %.6f, "model": "%s", "jaccard": %s,\n "sizes": %s, "one": %s,\n ',
                 '"two": %s}'),
          name, k, best$tot.withinss, adjustedRandIndex(best$cluster, other$cluster),
          strength$mean.pred[k], mixture$bic, mixture$loglik, mixture$modelName,
          list_of(boot$bootmean), list_of(tabulate(boot$result$partition)),
          list_of(best$cluster), list_of(other$cluster))
}

cases <- c(says("iris", iris[1:4], 3), says("faithful", faithful, 2), says("faithful", faithful, 3),
           says("ruspini", ruspini, 4))
versions <- sapply(c("fpc", "mclust"), function(p) as.character(packageVersion(p)))
cat(sprintf('{"R": "%s, fpc %s, mclust %s",\n%s}\n', R.version$version.string, versions["fpc"],
            versions["mclust"], paste(cases, collapse = ",\n")))
