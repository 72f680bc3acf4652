# SnpEff's database of a GTF and the reference, where no ready one is named.
if TOOL == "snpeff" and config["annotation"]["gtf"]:

    rule snpeff_database:
        input:
            gtf=config["annotation"]["gtf"],
            reference=REFERENCE,
        output:
            config="work/snpeff/snpEff.config",
            made="work/snpeff/data/own/snpEffectPredictor.bin",
        log:
            "logs/snpeff_database/own.log",
        params:
            program=config["annotation"]["program"] or "snpEff",
        resources:
            mem_mb=2600,
        conda:
            "../envs/tools.yaml"
        shell:
            "mkdir -p work/snpeff/data/own && printf 'data.dir = ./data/\\nown.genome : own\\n' > {output.config:q}"
            " && gzip -cdf {input.gtf:q} > work/snpeff/data/own/genes.gtf && cp {input.reference:q} work/snpeff/data/own/sequences.fa"
            " && {params.program:q} build -Xmx2g -gtf22 -noCheckCds -noCheckProtein -c {output.config:q} own > {log:q} 2>&1"
